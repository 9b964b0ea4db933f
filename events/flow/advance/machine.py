"""The loop: take a signal, follow the table until something is waited for or all is done."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from events.errors import TendrilError
from events.flow.advance import timers
from events.flow.advance.fanning import fan_out
from events.flow.advance.frames import ASKING, FORKED, ITERATION
from events.flow.advance.happenings import (
    Answered,
    Arrived,
    Due,
    Entered,
    Faulted,
    Happening,
    Returned,
)
from events.flow.advance.pointers import task_at
from events.flow.advance.refusals import ExhaustedError, StaleSignal
from events.flow.advance.table import transition
from events.flow.advance.tasks import listen
from events.flow.advance.work import Bounds, Work
from events.flow.signals import (
    EventHeard,
    Signal,
    Start,
    TaskCompleted,
    TaskFaulted,
    TimerFired,
    Turn,
)
from events.flow.steps import Evaluate, Facts, Running, ScopeCompleted, ScopeFaulted, State, Step
from events.flow.syntax.composite import ForkTask

if TYPE_CHECKING:
    from events.errors import Problem
    from events.flow.advance.frames import Frame
    from events.flow.syntax import Flow

_BOUNDS: Final = Bounds()
_ANSWERED: Final = FORKED | ASKING
"""The kinds of frames that wait for the signal of their own instance."""


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
        TooWide: A fork begins that has more branches than the bounds allow this call.
    """
    work = Work.resume(flow, state, facts, evaluate, bounds)
    return _run(work, _happening(work, state, signal))


def _run(work: Work, happening: Happening | None) -> Step:
    """Follow a happening, and begin the branches of the fork it may end at."""
    last = _follow(work, happening)
    while last is None and (fan := work.fan):
        work.fan = None
        now = fan_out(work, fan, _run)
        if isinstance(now, Faulted):
            now = _fault(work, len(work.stack), now.problem)
        last = _follow(work, now)
    if isinstance(last, Returned):
        return work.step(ScopeCompleted(last.output))
    if not isinstance(last, Faulted):
        return work.step(Running())
    if work.branch is not None and work.branch.collect:
        return work.step(ScopeCompleted({"error": last.problem.to_json()}))
    return work.step(ScopeFaulted(last.problem))


def _happening(work: Work, state: State | None, signal: Signal) -> Happening | None:
    """Return what a signal means to the top frame, None where another frame has noted it.

    Raises StaleSignal when it means nothing.
    """
    if isinstance(signal, Start):
        if state is not None:
            raise StaleSignal("the run has been started already")
        return Arrived(work.facts.input)
    if isinstance(signal, TimerFired):
        return _fired(work, signal.instance)
    if isinstance(signal, EventHeard):
        return listen.receive(work, signal)
    if isinstance(signal, Turn):
        return _begun(work)
    top = work.stack[-1] if work.stack else None
    if top is None or top.kind not in _ANSWERED or top.instance != signal.instance:
        raise StaleSignal(f"the run does not wait for {signal.instance}")
    return _answered(work, top, signal)


def _answered(work: Work, top: Frame, signal: TaskCompleted | TaskFaulted) -> Happening:
    """Return what the answer means that the top frame waits for."""
    if top.kind in FORKED:
        task = task_at(work.flow, top.reference)
        competed = isinstance(task, ForkTask) and task.fork.compete
        work.shut(top)
        if competed or isinstance(signal, TaskFaulted):
            work.record("branches.cancelled", top)
    if isinstance(signal, TaskCompleted):
        return Answered(signal.output)
    problem = signal.problem  # of a fork: it stands where the branch says
    if top.kind not in FORKED:
        problem = replace(problem, instance=top.reference)
    return _fault(work, len(work.stack), problem)


def _begun(work: Work) -> Happening:
    """Return the beginning of a branch that lay dormant until now."""
    around = work.facts.around
    if around is None or [frame.kind for frame in work.stack] != [ITERATION]:
        raise StaleSignal(f"the branch {work.scope} has begun already")
    return Entered(around.input)


def _fired(work: Work, instance: str) -> Happening:
    """Return what a timer means: go on, or a fault that ends everything above its frame."""
    if work.stack and (top := work.stack[-1]).kind == "wait" and top.instance == instance:
        return Due()
    depth = next((i for i, each in enumerate(work.stack) if instance in each.timers), None)
    if depth is None:
        raise StaleSignal(f"the run does not wait for {instance}")
    work.stack[depth] = frame = timers.without(work.stack[depth], instance)
    if instance == timers.named(frame, timers.PAUSE) or timers.escalates(frame, instance):
        return Due()
    while len(work.stack) > depth + 1:
        cut = work.drop()
        if cut.is_task:
            work.record("task.cancelled", cut)
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
            work.pop()  # the one too many, which has not begun
            happening = Faulted(error.problem)
            while work.stack:  # no `try` goes on from here
                happening = _fault(work, len(work.stack), error.problem)
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
