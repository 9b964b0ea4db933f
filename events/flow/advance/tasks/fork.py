"""Fork: branches that run at the same time, each in a scope of its own.

A branch sees the data, the context and the variables as they were when the fork began. Its
`export` holds within it: branches share nothing, so that their order does not matter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from events.flow.advance.frames import BRANCH, Frame
from events.flow.advance.happenings import Answered, Arrived, Entered, Produced, Returned
from events.flow.advance.pointers import child, task_at, tasks_at
from events.flow.advance.tasks.sequence import refuse_end
from events.flow.advance.work import Fan

if TYPE_CHECKING:
    from events.flow.advance.work import Work
    from events.flow.syntax.composite import ForkTask


def begin(work: Work, frame: Frame, _: Entered) -> None:
    """Have the branches begin; nothing more happens here until they are over."""
    task = cast("ForkTask", task_at(work.flow, frame.reference))
    count, within = len(task.fork.branches), f"{frame.reference}/fork/branches"
    frames = [Frame(BRANCH, within, local={"index": index}) for index in range(count)]
    work.fan = Fan(frames, at_once=count, compete=task.fork.compete)


def joined(_work: Work, _frame: Frame, answer: Answered) -> Produced:
    """Take the branches' outputs, or the winner's, for the task's output."""
    return Produced(answer.output)


def enter(work: Work, frame: Frame, entered: Entered) -> Arrived:
    """Go to the branch's one task."""
    index = frame.local["index"]
    entry = tasks_at(work.flow, frame.reference)[index]
    reference = child(frame.reference, index, entry.name)
    return work.arrive(reference, entry.task, entered.data)


def leave(work: Work, _frame: Frame, returned: Returned) -> Returned:
    """End the branch with its task's output."""
    refuse_end(work, returned)
    work.pop()
    return Returned(returned.output)
