"""The loop: take a signal, follow the table until something is waited for or all is done."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, cast

from events.errors import TendrilError
from events.flow.advance import timers
from events.flow.advance.frames import BRANCH, Frame
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
from events.flow.steps import (
    Evaluate,
    EventHeard,
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
    from events.flow.syntax import Flow
    from events.flow.syntax.composite import ForkTask

_BOUNDS: Final = Bounds()
_ANSWERED: Final = frozenset({"call", "fork", "run"})
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
    """
    work = Work.resume(flow, state, facts, evaluate, bounds)
    return _run(work, _happening(work, state, signal))


def _run(work: Work, happening: Happening | None) -> Step:
    """Follow a happening, and begin the branches of the fork it may end at."""
    last = _follow(work, happening)
    while last is None and work.forking:
        last = _follow(work, _branch_out(work))
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
        work.branch,
        tuple(work.branches),
        tuple(work.shuts),
        tuple(work.subscriptions),
        tuple(work.consumed),
        tuple(work.deaf),
        tuple(work.children),
    )


def _branch_out(work: Work) -> Happening | None:
    """Take the first step of each branch of the fork on top; go on if that was all there was."""
    frame, work.forking = work.stack[-1], False
    task = cast("ForkTask", task_at(work.flow, frame.reference))
    compete, count = task.fork.compete, len(task.fork.branches)
    steps = [_begun(work, frame, index, compete=compete) for index in range(count)]
    ends = [step.status for step in steps if not isinstance(step.status, Running)]
    fault = next((end for end in ends if isinstance(end, ScopeFaulted)), None)
    if compete and ends:
        ends = ends[:1]
        fault = ends[0] if isinstance(ends[0], ScopeFaulted) else None
    elif fault is None and len(ends) < count:
        work.branches += steps
        return None
    for step in steps:  # what was done at once was done; what was asked for is not wanted
        work.emissions += step.emissions
        work.records += step.records
    if len(ends) < count:
        work.record("branches.cancelled", frame)
    if fault is not None:
        return _fault(work, len(work.stack), fault.problem)
    outputs = [end.output for end in ends if isinstance(end, ScopeCompleted)]
    return Answered(outputs[0] if compete and outputs else outputs)


def _begun(work: Work, frame: Frame, index: int, *, compete: bool) -> Step:
    variables: dict[str, Any] = {}
    for each in work.stack:
        variables |= each.variables
    begin = Frame(BRANCH, f"{frame.reference}/fork/branches", local={"index": index})
    begin = replace(begin, variables=variables)
    inner = Work(work.flow, work.facts, work.evaluate, work.bounds, [begin], work.context)
    inner.branch = work.branch_of(frame, index, compete=compete)
    return _run(inner, Entered(frame.input))


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
        return listen.told(work, signal)
    top = work.stack[-1] if work.stack else None
    if top is None or top.kind not in _ANSWERED or top.instance != signal.instance:
        raise StaleSignal(f"the run does not wait for {signal.instance}")
    if top.kind == "fork":
        work.shut(top)
        task = cast("ForkTask", task_at(work.flow, top.reference))
        if task.fork.compete or not isinstance(signal, TaskCompleted):
            work.record("branches.cancelled", top)
    if isinstance(signal, TaskCompleted):
        return Answered(signal.output)
    problem = signal.problem  # of a fork: it stands where the branch says
    if top.kind != "fork":
        problem = replace(problem, instance=top.reference)
    return _fault(work, len(work.stack), problem)


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
