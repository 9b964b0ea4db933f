"""The loop: take a signal, follow the table until something is waited for or all is done."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from events.errors import TendrilError
from events.flow.advance import timers
from events.flow.advance.happenings import (
    Answered,
    Arrived,
    Due,
    Faulted,
    Happening,
    Returned,
)
from events.flow.advance.refusals import ExhaustedError, StaleSignal
from events.flow.advance.table import transition
from events.flow.advance.work import Bounds, Work
from events.flow.steps import (
    Evaluate,
    Facts,
    Running,
    ScopeCompleted,
    ScopeFaulted,
    Signal,
    Start,
    State,
    Step,
    TaskCompleted,
    TimerFired,
)

if TYPE_CHECKING:
    from events.errors import Problem
    from events.flow.advance.frames import Frame
    from events.flow.syntax import Flow

_BOUNDS: Final = Bounds()


def advance(
    flow: Flow,
    state: State | None,
    signal: Signal,
    facts: Facts,
    evaluate: Evaluate,
    bounds: Bounds = _BOUNDS,
) -> Step:
    """Compute what a signal does to a run.

    Args:
        flow: The definition.
        state: What the step before left, None before the first; not changed.
        signal: What happened.
        facts: What is known of the run beside its state.
        evaluate: Evaluates one jq program.
        bounds: How many tasks before the run faults for going round in circles.

    Returns:
        The new state and every effect. Errors in the flow's own doing are part of it.

    Raises:
        StaleSignal: The run does not wait for this signal.
        UnknownMachine: The state is another version's.
    """
    work = Work.resume(flow, state, facts, evaluate, bounds)
    last = _follow(work, _happening(work, state, signal))
    status: Running | ScopeCompleted | ScopeFaulted = Running()
    if isinstance(last, Returned):
        status = ScopeCompleted(last.output)
    elif isinstance(last, Faulted):
        status = ScopeFaulted(last.problem)
    return Step(
        work.state(),
        status,
        tuple(work.requests),
        tuple(work.emissions),
        tuple(work.records),
        tuple(work.timers),
        tuple(work.closes),
    )


def _happening(work: Work, state: State | None, signal: Signal) -> Happening:
    """Return what a signal means to the top frame; raise StaleSignal when it means nothing."""
    if isinstance(signal, Start):
        if state is not None:
            raise StaleSignal("the run has been started already")
        return Arrived(work.facts.input)
    if isinstance(signal, TimerFired):
        return _fired(work, signal.instance)
    top = work.stack[-1] if work.stack else None
    if top is None or top.kind != "call" or top.instance != signal.instance:
        raise StaleSignal(f"the run does not wait for {signal.instance}")
    if isinstance(signal, TaskCompleted):
        return Answered(signal.output)
    return _fault(work, len(work.stack), replace(signal.problem, instance=top.reference))


def _fired(work: Work, instance: str) -> Happening:
    """Return what a timer means: go on, or a fault that ends everything above its frame."""
    if work.stack and (top := work.stack[-1]).kind == "wait" and top.instance == instance:
        return Due()
    depth = next((i for i, each in enumerate(work.stack) if instance in each.timers), None)
    if depth is None:
        raise StaleSignal(f"the run does not wait for {instance}")
    work.stack[depth] = frame = timers.without(work.stack[depth], instance)
    if instance == timers.named(frame, timers.PAUSE):
        return Due()
    while len(work.stack) > depth + 1:
        work.drop()
    if instance == timers.named(frame, timers.ATTEMPT):
        return Faulted(timers.problem(frame, timers.ATTEMPT))
    problem = timers.problem(work.drop(), timers.TIMEOUT)
    if frame.is_task:
        work.record("task.faulted", frame, problem=problem.to_json())
    return Faulted(problem)


def _follow(work: Work, happening: Happening | None) -> Happening | None:
    """Go on until a frame waits (None) or the stack is empty: then this is how the scope ended."""
    while happening is not None and work.stack:
        frame, depth = work.stack[-1], len(work.stack)
        now = happening
        try:
            happening = transition(frame, now)(work, frame, now)
        except TendrilError as error:
            happening = _fault(work, depth, error.problem.at(_place(frame, now)))
        except ExhaustedError as error:
            work.stack.clear()
            happening = Faulted(error.problem)
    return happening


def _place(frame: Frame, happening: Happening) -> str:
    """Return where an error stands; the flow's own are in its input or its output."""
    return frame.reference or ("/input" if isinstance(happening, Arrived) else "/output")


def _fault(work: Work, depth: int, problem: Problem) -> Happening:
    """End the frame at this depth, and all above it, with an error of its own."""
    while len(work.stack) > depth:
        work.drop()
    frame = work.pop()
    if frame.is_task:
        work.record("task.faulted", frame, problem=problem.to_json())
    return Faulted(problem)
