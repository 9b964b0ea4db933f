"""The tasks that hold a task list: do and for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from events.flow import expressions
from events.flow.advance.arguments import runner
from events.flow.advance.frames import SEQUENCE, Frame
from events.flow.advance.happenings import Entered, Produced, Returned
from events.flow.advance.pointers import task_at
from events.flow.advance.tasks import parallel
from events.flow.expressions import ExpressionError, as_text, shown

if TYPE_CHECKING:
    from events.flow.advance.work import Work
    from events.flow.syntax.composite import ForTask

Json = Any


def begin_do(work: Work, frame: Frame, entered: Entered) -> Entered:
    """Go into the list."""
    work.push(Frame(SEQUENCE, f"{frame.reference}/do"))
    return entered


def finish(_work: Work, _frame: Frame, returned: Returned) -> Produced:
    """Take the list's output for the task's own."""
    return Produced(returned.output)


def begin_for(work: Work, frame: Frame, entered: Entered) -> Entered | Produced | None:
    """Find the items, then go into the list for the first one, or for several at a time."""
    task = cast("ForTask", task_at(work.flow, frame.reference))
    run = runner(work, frame, entered.data, context=work.context, input=entered.data)
    items = run(expressions.program(task.for_.in_))
    if not isinstance(items, list):
        program = shown(expressions.program(task.for_.in_))
        raise ExpressionError(f"`{program}`: for.in must give a list, not {shown(as_text(items))}")
    if (together := task.parallel) is not None:
        return parallel.begin(work, frame, task, together, items)
    return _iterate(work, frame.having(items=items), 0, entered.data)


def next_item(work: Work, frame: Frame, returned: Returned) -> Entered | Produced:
    """Go into the list for the next item, with the output of the one before."""
    return _iterate(work, frame, frame.local["index"] + 1, returned.output)


def _iterate(work: Work, frame: Frame, index: int, data: Json) -> Entered | Produced:
    """Do one iteration, while there are items and `while` holds on the data it would get."""
    task = cast("ForTask", task_at(work.flow, frame.reference))
    items = frame.local["items"]
    if index < len(items):
        variables = {task.for_.each: items[index], task.for_.at: index}
        frame = work.become(replace(frame.having(index=index), variables=variables))
        if _holds(work, frame, task, data):
            work.push(Frame(SEQUENCE, f"{frame.reference}/do"))
            return Entered(data)
    work.become(replace(frame, variables={}))
    return Produced(data)


def _holds(work: Work, frame: Frame, task: ForTask, data: Json) -> bool:
    if task.while_ is None:
        return True
    run = runner(work, frame, data, context=work.context, input=frame.input)
    return expressions.condition(task.while_, run)
