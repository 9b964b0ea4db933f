"""A call of one of the flow's own functions: of `use.functions`, or fetched when it was deployed.

Where the specification leaves room: the function's task gets the resolved `with` for its raw
input, `{}` without one, and nothing else of the caller but `$context`: none of its variables. Its
own `then` has no list to lead to: `end` ends the flow, as from any depth (which in a branch of a
fork is refused), all else gives the output back to the call.
Names inside a fetched function mean what they mean in the flow that calls it, but for the flow's
secrets and authentication policies: it has none of them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from events.errors import ErrorType, ToolError
from events.flow.advance import template
from events.flow.advance.frames import FUNCTION, Frame
from events.flow.advance.happenings import Arrived, Produced, Returned
from events.flow.advance.pointers import function_reference
from events.flow.advance.tasks.sequence import END

if TYPE_CHECKING:
    from events.flow.advance.work import Work
    from events.flow.syntax.base import TaskBase
    from events.flow.syntax.call import CallTask

DEEPEST: Final = 32
"""Calls within calls; a function may call itself, but not for ever."""


def enter(work: Work, frame: Frame, task: CallTask, function: TaskBase) -> Arrived:
    """Go to the function's task, with the arguments for its input."""
    deep = work.scope.count("|") + sum(each.kind == FUNCTION for each in work.stack)
    if deep >= DEEPEST:
        reason = (
            f"functions call each other more than {DEEPEST} deep; look for one that calls "
            "itself and has no `if` that ends it"
        )
        raise ToolError(reason, type=ErrorType.RUNTIME, status=500)
    data = template.resolved(work, frame, task.with_)
    work.become(replace(frame, kind=FUNCTION))
    return work.arrive(function_reference(task.call), function, data)


def leave(_work: Work, _frame: Frame, returned: Returned) -> Produced:
    """Take the function's output for the call's own."""
    return Produced(returned.output, END if returned.then == END else None)
