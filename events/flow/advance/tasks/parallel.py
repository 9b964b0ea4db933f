"""A parallel for: its iterations run at the same time, each in a scope of its own.

Asked for by `metadata: {tendril: {concurrency: N}}`: the language has no word for it. At most N
iterations run at a time; they begin in the items' order, the next as soon as one ends. Each gets
the input of the `for`, not what the one before gave, and its `export` holds within it, as in a
fork's branch; the output is the list of their outputs, in the items' order. With
`onError: collect` an iteration that an error leaves gives `{error: ...}` in its place.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from events.errors import ErrorType, ToolError
from events.flow.advance.frames import ITERATION, PARALLEL, SEQUENCE, Frame
from events.flow.advance.happenings import Entered, Produced, Returned
from events.flow.advance.work import Fan

if TYPE_CHECKING:
    from events.flow.advance.work import Work
    from events.flow.syntax.composite import ForTask, Parallel


def begin(
    work: Work, frame: Frame, task: ForTask, parallel: Parallel, items: list[Any]
) -> Produced | None:
    """Have the iterations begin; nothing more happens here until they are over."""
    if len(items) > work.bounds.iterations:
        reason = (
            f"for.in gives {len(items)} items; a parallel `for` takes at most "
            f"{work.bounds.iterations}: give it lists of items instead, or loop over such lists"
        )
        raise ToolError(reason, type=ErrorType.RUNTIME)
    work.become(replace(frame, kind=PARALLEL))
    within = f"{frame.reference}/do"
    each, at = task.for_.each, task.for_.at
    frames = [
        Frame(ITERATION, within, variables={each: item, at: index})
        for index, item in enumerate(items)
    ]
    work.fan = Fan(frames, parallel.concurrency, collect=parallel.on_error == "collect")
    return None


def enter(work: Work, frame: Frame, entered: Entered) -> Entered:
    """Go into the list."""
    work.push(Frame(SEQUENCE, frame.reference))
    return entered


def leave(work: Work, _frame: Frame, returned: Returned) -> Returned:
    """End the iteration with its list's output."""
    work.pop()
    return Returned(returned.output)
