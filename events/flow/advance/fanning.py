"""Fanning out: the first steps of a fork's branches, or of a parallel for's iterations."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from events.flow.advance.happenings import Answered, Entered, Faulted, Happening
from events.flow.advance.refusals import TooWide
from events.flow.advance.work import Work
from events.flow.steps import (
    Branch,
    Dormant,
    Fork,
    Running,
    ScopeCompleted,
    ScopeFaulted,
    Step,
    Surroundings,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from events.flow.advance.frames import Frame
    from events.flow.advance.work import Fan
    from events.flow.steps import Facts

    Run = Callable[[Work, Happening], Step]

_AT_ONCE: Final = 1_000
"""Tasks that branches do in one step before the rest of them lie dormant, if they may."""


def fan_out(work: Work, fan: Fan, run: Run) -> Happening | None:
    """Take the first steps of the branches of the task on top; go on if that was all there was."""
    if work.bounds.branches is not None and len(fan.frames) > work.bounds.branches:
        raise TooWide
    frame = work.stack[-1]
    around = Surroundings(work.context, frame.input, work.variables())
    steps = _first_steps(work, fan, around, run)
    ends = [step.status for step in steps if isinstance(step.status, ScopeCompleted | ScopeFaulted)]
    fault = next((end for end in ends if isinstance(end, ScopeFaulted)), None)
    if fan.compete and ends:
        ends = ends[:1]
        fault = ends[0] if isinstance(ends[0], ScopeFaulted) else None
    elif fault is None and len(ends) < len(fan.frames):
        work.branches += steps
        work.forks.append(Fork(frame.instance, around, _due(steps, fan)))
        return None
    for step in steps:  # what was done at once was done; what was asked for is not wanted
        work.emissions += step.emissions
        work.records += step.records
    if len(ends) < len(fan.frames):
        work.record("branches.cancelled", frame)
    if fault is not None:
        return Faulted(fault.problem)
    outputs = [end.output for end in ends if isinstance(end, ScopeCompleted)]
    return Answered(outputs[0] if fan.compete and outputs else outputs)


def _first_steps(work: Work, fan: Fan, around: Surroundings, run: Run) -> list[Step]:
    """Begin the branches in order, as many as may run; an error that counts ends the row.

    Where not all may run at the same time, those that wait for nothing make room for the next.
    """
    steps: list[Step] = []
    running = pure = 0
    waits = fan.at_once < len(fan.frames)
    facts = replace(work.facts, around=around)
    for index, bottom in enumerate(fan.frames):
        inner = _inner(work, fan, facts, bottom, index)
        if waits and (running == fan.at_once or pure >= _AT_ONCE):
            steps.append(inner.step(Dormant()))
            continue
        steps.append(step := run(inner, Entered(around.input)))
        running += isinstance(step.status, Running)
        pure += inner.pure
        if waits and isinstance(step.status, ScopeFaulted):
            break
    return steps


def _inner(work: Work, fan: Fan, facts: Facts, bottom: Frame, index: int) -> Work:
    inner = Work(work.flow, facts, work.evaluate, work.bounds, [bottom], work.context)
    inner.branch = work.branch_of(work.stack[-1], index, fan)
    return inner


def _due(steps: list[Step], fan: Fan) -> tuple[Branch, ...]:
    running = sum(isinstance(step.status, Running) for step in steps)
    dormant = [step.branch for step in steps if step.branch and isinstance(step.status, Dormant)]
    return tuple(dormant[: fan.at_once - running])
