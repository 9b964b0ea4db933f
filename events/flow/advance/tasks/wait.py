"""Wait: nothing happens until a time has passed."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from events.flow.advance import durations
from events.flow.advance.arguments import runner
from events.flow.advance.happenings import Due, Entered, Produced
from events.flow.advance.pointers import task_at
from events.flow.effects import TimerRequest

if TYPE_CHECKING:
    from events.flow.advance.frames import Frame
    from events.flow.advance.work import Work
    from events.flow.syntax.simple import WaitTask


def begin(work: Work, frame: Frame, entered: Entered) -> None:
    """Set the timer; nothing more happens here until it is due."""
    task = cast("WaitTask", task_at(work.flow, frame.reference))
    run = runner(work, frame, entered.data, context=work.context, input=entered.data)
    due = work.facts.now + durations.span(task.wait, run, work.facts.now)
    work.timers.append(TimerRequest(frame.instance, frame.reference, due))
    work.record("task.waiting", frame, until=due.isoformat())


def over(_work: Work, frame: Frame, _: Due) -> Produced:
    """Go on with what came in."""
    return Produced(frame.input)
