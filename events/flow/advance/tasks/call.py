"""Call: ask a tool for one task, and wait for its answer.

`call: http` is the DSL's own function; Tendril's `http` tool does it. Everything else is a
function of the catalog, `name`, `name:version` or `name:version@default`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from events.errors import ErrorType, ToolError
from events.flow.advance import template, uris
from events.flow.advance.happenings import Answered, Entered, Happening, Produced
from events.flow.advance.pointers import task_at
from events.flow.steps import TaskRequest
from events.flow.syntax.call import BUILT_IN, CallTask

if TYPE_CHECKING:
    from events.flow.advance.frames import Frame
    from events.flow.advance.work import Work

Json = Any


def request(work: Work, frame: Frame, _: Entered) -> Happening | None:
    """Request the task; nothing more happens here until its answer."""
    task = cast("CallTask", task_at(work.flow, frame.reference))
    function, version = _target(task.call)
    data = _http(work, frame, task) if function == "http" else _resolved(work, frame, task.with_)
    asked = TaskRequest(frame.instance, frame.reference, function, version, data)
    work.requests.append(asked)
    work.record("task.requested", frame, function=function, version=version)
    return None


def answered(_work: Work, _frame: Frame, answer: Answered) -> Happening:
    """Take the tool's answer for the task's output."""
    return Produced(answer.output)


def _target(call: str) -> tuple[str, str]:
    function, _, version = call.partition("@")[0].partition(":")
    if function in BUILT_IN and function != "http":
        reason = f"`call: {function}` cannot be run; use `call: http` or a function of the catalog"
        raise ToolError(reason, type=ErrorType.CONFIGURATION)
    return function, version


def _resolved(work: Work, frame: Frame, value: dict[str, Json]) -> dict[str, Json]:
    resolved: dict[str, Json] = template.resolved(work, frame, value)
    return resolved


def _http(work: Work, frame: Frame, task: CallTask) -> dict[str, Json]:
    others = {name: value for name, value in task.with_.items() if name != "endpoint"}
    endpoint = task.with_["endpoint"]
    given = endpoint if isinstance(endpoint, dict) else {"uri": endpoint}
    uri = uris.expanded(work, frame, given["uri"])
    rest = {name: value for name, value in given.items() if name != "uri"}
    return _resolved(work, frame, others) | {
        "endpoint": {"uri": uri, **_resolved(work, frame, rest)}
    }
