"""Call: do one of the flow's functions, or ask a tool for one task and wait for its answer.

Every other call names a function of the catalog: `name`, `name:version` or
`name:version@default`. The DSL's own (`http`, `openapi`, ...) are functions of these names; their
endpoints are URI templates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from events.flow import authentications
from events.flow.advance import template, uris
from events.flow.advance.happenings import Answered, Entered, Happening, Produced
from events.flow.advance.pointers import task_at
from events.flow.advance.tasks import function
from events.flow.steps import TaskRequest
from events.flow.syntax.call import ENDPOINTS, CallTask

if TYPE_CHECKING:
    from events.flow.advance.frames import Frame
    from events.flow.advance.work import Work

Json = Any
Places = tuple[tuple[str, ...], ...]


def request(work: Work, frame: Frame, _: Entered) -> Happening | None:
    """Request the task; nothing more happens here until its answer."""
    task = cast("CallTask", task_at(work.flow, frame.reference))
    if (own := work.flow.function(task.call)) is not None:
        return function.enter(work, frame, task, own)
    name, version = _target(task.call)
    given = authentications.given(name, task.with_, work.flow.policies)
    data = resolved(work, frame, given, ENDPOINTS.get(name, ()))
    asked = TaskRequest(frame.instance, frame.reference, name, version, data)
    work.requests.append(asked)
    work.record("task.requested", frame, function=name, version=version)
    return None


def answered(_work: Work, _frame: Frame, answer: Answered) -> Happening:
    """Take the tool's answer for the task's output."""
    return Produced(answer.output)


def _target(call: str) -> tuple[str, str]:
    name, _, version = call.partition("@")[0].partition(":")
    return name, version


def resolved(work: Work, frame: Frame, given: Json, endpoints: Places) -> Json:
    """Return arguments with their expressions resolved; endpoints lie at these places."""
    if () in endpoints:
        return _endpoint(work, frame, given)
    if not endpoints or not isinstance(given, dict):
        return template.resolved(work, frame, given)
    below = {place[0] for place in endpoints}
    others = {name: value for name, value in given.items() if name not in below}
    plain: dict[str, Json] = template.resolved(work, frame, others)
    return plain | {
        name: resolved(work, frame, value, _under(endpoints, name))
        for name, value in given.items()
        if name in below
    }


def _under(places: Places, name: str) -> Places:
    return tuple(place[1:] for place in places if place[0] == name)


def _endpoint(work: Work, frame: Frame, endpoint: Json) -> Json:
    given = {"uri": endpoint} if isinstance(endpoint, str) else endpoint
    if not isinstance(given, dict) or not isinstance(given.get("uri"), str):
        return template.resolved(work, frame, endpoint)  # for the tool to refuse
    rest: dict[str, Json] = {name: value for name, value in given.items() if name != "uri"}
    return {"uri": uris.expanded(work, frame, given["uri"]), **template.resolved(work, frame, rest)}
