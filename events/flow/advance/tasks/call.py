"""Call: do one of the flow's functions, or ask a tool for one task and wait for its answer.

Every other call names a function of the catalog: `name`, `name:version` or
`name:version@default`. The DSL's own (`http`, `openapi`, ...) are functions of these names; their
endpoints are URI templates.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from events.flow import authentications
from events.flow.advance import uris
from events.flow.advance.frames import SUBSCRIPTION
from events.flow.advance.happenings import Answered, Arrived, Entered, Produced
from events.flow.advance.leaving import Leaving, Left
from events.flow.advance.pointers import task_at
from events.flow.advance.tasks import function
from events.flow.effects import TaskRequest
from events.flow.expressions import is_expression, program
from events.flow.late import late
from events.flow.syntax.call import AUTHENTICATIONS, ENDPOINTS, KEPT, CallTask

if TYPE_CHECKING:
    from events.flow.advance.frames import Frame
    from events.flow.advance.work import Work
    from events.flow.late import Late

Json = Any
Places = tuple[tuple[str, ...], ...]


def request(work: Work, frame: Frame, entered: Entered) -> Arrived | Entered | None:
    """Request the task; nothing more happens here until its answer."""
    task = cast("CallTask", task_at(work.flow, frame.reference))
    if (own := work.flow.function(task.call)) is not None:
        return function.enter(work, frame, task, own)
    if task.foreach is not None:
        work.become(replace(frame, kind=SUBSCRIPTION))
        return entered
    ask(work, frame, asked(work, frame, task))
    return None


def asked(work: Work, frame: Frame, task: CallTask) -> TaskRequest:
    """Return what a call asks of its tool."""
    name, version = _target(task.call)
    given = authentications.given(name, task.arguments, work.flow.policies)
    leaving = Leaving(work, frame)
    for path in KEPT.get(name, ()):
        given = leaving.keeping(given, path)
    resolved = _resolved(leaving, given, ENDPOINTS.get(name, ()))
    data, left = leaving.late(resolved, _pointer(name, given))
    return TaskRequest(frame.instance, frame.reference, name, version, data, left)


def ask(work: Work, frame: Frame, asked: TaskRequest) -> None:
    """Ask a tool for what the top frame waits for."""
    work.requests.append(asked)
    work.record("task.requested", frame, function=asked.function, version=asked.version)


def answered(_work: Work, _frame: Frame, answer: Answered) -> Produced:
    """Take the tool's answer for the task's output."""
    return Produced(answer.output)


def _target(call: str) -> tuple[str, str]:
    name, _, version = call.partition("@")[0].partition(":")
    return name, version


def arguments(work: Work, frame: Frame, given: Json, endpoints: Places) -> tuple[Json, Late | None]:
    """Return a tool's arguments with their expressions resolved, and what is left to its host.

    Endpoints lie at these places.
    """
    leaving = Leaving(work, frame)
    return leaving.late(_resolved(leaving, given, endpoints), "")


def _pointer(function: str, given: Json) -> str:
    """Return where the arguments have the policy of the callee itself; empty without one."""
    for path in AUTHENTICATIONS.get(function, ())[:1]:
        inner = given
        for name in path:
            inner = inner.get(name) if isinstance(inner, dict) else None
        if inner is not None:
            return "".join(f"/{name}" for name in path)
    return ""


def _resolved(leaving: Leaving, given: Json, endpoints: Places) -> Json:
    """Resolve a value in which the endpoints lie at these places."""
    if () in endpoints:
        return _endpoint(leaving, given)
    if not endpoints or not isinstance(given, dict):
        return leaving.resolved(given)
    below = {place[0] for place in endpoints}
    others = {name: value for name, value in given.items() if name not in below}
    resolved: dict[str, Json] = leaving.resolved(others)
    return resolved | {
        name: _resolved(leaving, value, _under(endpoints, name))
        for name, value in given.items()
        if name in below
    }


def _under(places: Places, name: str) -> Places:
    return tuple(place[1:] for place in places if place[0] == name)


def _endpoint(leaving: Leaving, endpoint: Json) -> Json:
    given = {"uri": endpoint} if isinstance(endpoint, str) else endpoint
    if not isinstance(given, dict) or not isinstance(given.get("uri"), str):
        return leaving.resolved(endpoint)  # for the tool to refuse
    rest: dict[str, Json] = {name: value for name, value in given.items() if name != "uri"}
    return {"uri": _uri(leaving, given["uri"]), **leaving.resolved(rest)}


def _uri(leaving: Leaving, uri: str) -> Json:
    if is_expression(uri) and (leaving.sealed or late(program(uri))):
        return leaving.resolved(uri)
    if leaving.sealed:
        return Left(uri, template=True)
    return uris.expanded(leaving.work, leaving.frame, uri)
