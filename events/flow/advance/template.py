"""A task's own definition with its expressions resolved on the task's transformed input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from events.flow import expressions
from events.flow.advance.arguments import runner

if TYPE_CHECKING:
    from events.flow.advance.frames import Frame
    from events.flow.advance.work import Work

Json = Any


def resolved(work: Work, frame: Frame, value: Json) -> Json:
    """Return the value with every `${ }` in it evaluated."""
    run = runner(work, frame, frame.input, context=work.context, input=frame.input)
    return expressions.resolve(value, run, loose=work.flow.loose)
