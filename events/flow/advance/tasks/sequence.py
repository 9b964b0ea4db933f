"""Task lists: one task after the other, as the flow directives say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from events.errors import ErrorType, ToolError
from events.flow.advance.happenings import Arrived, Entered, Returned
from events.flow.advance.pointers import child, tasks_at

if TYPE_CHECKING:
    from events.flow.advance.frames import Frame
    from events.flow.advance.work import Work

Json = Any

CONTINUE: Final = "continue"
EXIT: Final = "exit"
END: Final = "end"


def begin(work: Work, frame: Frame, entered: Entered) -> Arrived | Returned:
    """Go to the first task; an empty list gives back what it got."""
    return _go(work, frame, 0, entered.data)


def proceed(work: Work, frame: Frame, returned: Returned) -> Arrived | Returned:
    """Follow the directive of the task that ended.

    `exit` completes this list, and with it the task it belongs to (in a loop: the iteration);
    `end` completes the flow from any depth, with this output.
    """
    refuse_end(work, returned)
    if returned.then == END:
        return _end(work, returned.output)
    if returned.then == EXIT:
        work.pop()
        return returned  # an extension asks how its list was left; all else takes the output alone
    if returned.then in (None, CONTINUE):
        return _go(work, frame, frame.local["index"] + 1, returned.output)
    return _go(work, frame, _named(work, frame, returned.then), returned.output)


def refuse_end(work: Work, returned: Returned) -> None:
    """Refuse to end the flow from a branch: `check` cannot see where a fetched function is called.

    Raises ToolError.
    """
    if returned.then == END and work.branch is not None:
        reason = (
            "`end` cannot end the flow from a branch of a fork or an iteration of a parallel "
            "`for`: others still run; use `exit`"
        )
        raise ToolError(reason, type=ErrorType.CONFIGURATION)


def _go(work: Work, frame: Frame, index: int, raw: Json) -> Arrived | Returned:
    tasks = tasks_at(work.flow, frame.reference)
    if index >= len(tasks):
        work.pop()
        return Returned(raw)
    work.become(frame.having(index=index))
    reference = child(frame.reference, index, tasks[index].name)
    return work.arrive(reference, tasks[index].task, raw)


def _named(work: Work, frame: Frame, name: str | None) -> int:
    names = [each.name for each in tasks_at(work.flow, frame.reference)]
    if name not in names:
        reason = f"'then: {name}' names no task of this list; it has {', '.join(names)}"
        raise ToolError(reason, type=ErrorType.CONFIGURATION)
    return names.index(name)


def _end(work: Work, output: Json) -> Returned:
    while len(work.stack) > 1:
        frame = work.pop()
        if frame.is_task:
            work.record("task.completed", frame)
    return Returned(output)
