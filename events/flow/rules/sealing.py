"""What a task may not say whose input has secrets: what would be made of it and recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from events.flow.expressions import program
from events.flow.rules.programs import programs_of
from events.flow.rules.visit import tasks_of
from events.flow.scope import free_variables
from events.flow.sealed import sealed
from events.flow.syntax.call import CallTask
from events.flow.syntax.run import RunTask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from events.flow.parse import Parsed
    from events.flow.rules.visit import Words
    from events.flow.syntax.base import TaskBase
    from events.source import Path

_STAGES: Final = (("output", "as"), ("export", "as"))
_WHY: Final = "as 'input.from' takes $secrets, and what is made of its result would be recorded"


def leaking(parsed: Parsed) -> Iterator[Words]:
    """Yield what would have a run record the input of a sealed task."""
    known = list(programs_of(parsed))
    for visit in tasks_of(parsed.flow):
        if not sealed(parsed.flow, visit.task):
            continue
        for each in known:
            inside = each.place.path[len(visit.path) :]
            if each.place.path[: len(visit.path)] != visit.path:
                continue
            taken = "input" in free_variables(program(each.text))
            if taken and _after(visit.task, inside):
                yield each.place, f"{each.place}: there is no $input here, {_WHY}"
            elif inside[:1] == ("timeout",):
                yield each.place, f"{each.place}: there can be no expression here, {_WHY}"
        if isinstance(visit.task, RunTask) and visit.task.run.await_ is False:
            place = visit.place("run", "await")
            yield (
                place,
                f"{place}: a process that is not awaited gives its input; it must be, {_WHY}",
            )


def _after(task: TaskBase, inside: Path) -> bool:
    """Whether a part of a task is evaluated when its call, or a message of it, is over."""
    iterated = task.foreach_at if isinstance(task, CallTask) and task.foreach else ()
    return any(inside[: len(at) + 2] == (*at, *stage) for stage in _STAGES for at in ((), iterated))
