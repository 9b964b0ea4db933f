"""Tasks whose transformed input is known to the host of their call alone; pure.

Their `input.from` takes secrets. Where the specification leaves room: a run has the raw input for
such a task wherever it would have the transformed one, and `$input` is not there once it is over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from events.flow.expressions import is_expression, program
from events.flow.late import late
from events.flow.syntax.call import CallTask
from events.flow.syntax.run import RunTask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from events.flow.syntax.base import TaskBase
    from events.flow.syntax.flow import Flow

Json = Any


def leaves(flow: Flow, task: TaskBase) -> bool:
    """Whether a task asks a tool, so that what it is given need not be recorded."""
    if isinstance(task, CallTask):
        return flow.function(task.call) is None
    return isinstance(task, RunTask) and task.run.workflow is None


def sealed(flow: Flow, task: TaskBase) -> bool:
    """Whether only the host of a task's call may evaluate its `input.from`."""
    given = task.input.from_ if task.input else None
    if given is None or not leaves(flow, task):
        return False
    return any(late(each) for each in programs_in(given, loose=flow.loose))


def programs_in(transformation: Json, *, loose: bool) -> Iterator[str]:
    """Yield the programs of an `input.from`: an expression, or an object of them."""
    if isinstance(transformation, str):
        yield program(transformation)
    else:
        yield from _within(transformation, loose=loose)


def _within(value: Json, *, loose: bool) -> Iterator[str]:
    if isinstance(value, str):
        if loose or is_expression(value):
            yield program(value)
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _within(inner, loose=loose)
