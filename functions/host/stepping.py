"""One step of a run: advance on the state as it is known, and what that would write."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from events.errors import ErrorType, Problem
from events.flow.advance import Bounds, StaleSignal, TooWide, advance
from events.flow.budget import NONE, BudgetLimits
from events.flow.signals import Start, TimerFired, Turn
from events.flow.steps import Facts, Running, ScopeFaulted, Step
from functions.host.jq import NotYetError
from functions.host.metering import budgeted
from functions.host.transitions import Settled, transition

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from events.flow.signals import Signal
    from events.flow.steps import State
    from events.flow.syntax import Flow
    from functions.host.blobs import Blobs
    from functions.host.deployed import Deployments
    from functions.host.jq import JqPool
    from functions.host.ledger.rows.run import RunRow
    from functions.host.ledger.rows.task import TaskRow, Work
    from functions.host.ledger.rows.transition import Transition
    from functions.host.outcomes import Outcome
    from functions.host.shared import Shared
    from functions.host.states import States

    Advance = Callable[[Flow, State | None, Signal, Facts], Awaitable[Step]]

log = logging.getLogger(__name__)
_MOMENT: Final = 0.005
"""Seconds that `advance` may hold the event loop up."""
_BRIEF: Final = Bounds(branches=200)
"""About as many as can begin in that time."""

Scope = tuple[str, int]
"""A scope as the ledger has it: packed state and revision."""


class Stepper:
    """Computes transitions; nothing is written here."""

    def __init__(
        self,
        shared: Shared,
        states: States,
        blobs: Blobs,
        deployments: Deployments,
        jq: JqPool,
        clock: Callable[[], float],
        *,
        grace: float,
        max_steps: int,
        limits: BudgetLimits = NONE,
    ) -> None:
        self._shared, self._states, self._blobs = shared, states, blobs
        self._deployments, self._jq = deployments, jq
        self._clock, self._grace, self._max_steps = clock, grace, max_steps
        self._limits = limits
        self._threads = ThreadPoolExecutor(4, "advance")

    async def first(self, run: RunRow) -> tuple[RunRow, Transition]:
        """Return a run as it begins, with its budget, and what starting it writes."""
        deployed = await self._deployments.get(run.digest)
        run, budget = budgeted(run, deployed.flow, self._limits)
        try:
            step = await self._step(run, None, Start(), run.started_at, self._advance_here)
        except NotYetError:
            step = await self._step(run, None, Start(), run.started_at, self._advance_in_thread)
        written = await self._transition(step, run, None, ("", 0), run.started_at)
        return run, replace(written, budget=budget)

    async def at_once(self, work: Work, outcome: Outcome, scope: Scope) -> Transition:
        """Return what a task's outcome writes, given its scope.

        It is computed on the event loop: `advance` is pure, so trying costs nothing but a
        moment, and nearly every step saves the way to another thread and back. NotYetError: it
        takes longer, ask `in_thread`. StaleSignal: the scope has moved on.
        """
        return await self._next(work, outcome, scope, self._advance_here)

    async def in_thread(
        self, work: Work, outcome: Outcome, scope: Scope, blame: Work | None = None
    ) -> Transition:
        """Return the same, however long it takes; StaleSignal: the scope has moved on.

        `blame` is the task of a branch or of a child run that a fault is about.
        """
        return await self._next(work, outcome, scope, self._advance_in_thread, blame)

    async def _next(
        self,
        work: Work,
        outcome: Outcome,
        scope: Scope,
        advance_: Advance,
        blame: Work | None = None,
    ) -> Transition:
        state = await self._unpacked(work, scope)
        now = self._clock()
        signal = outcome.signal(work.task.instance)
        step = await self._step(work.run, state, signal, now, advance_)
        about = await self._settled(work.run, work.task, scope, now)
        about = replace(about, figures=outcome.figures, problem=outcome.problem, blame=blame)
        return await transition(step, about, self._blobs, self._states)

    async def fire(self, work: Work, scope: Scope) -> Transition:
        """Return what a timer that is due writes; StaleSignal: the scope has moved on."""
        return await self._signalled(work, scope, TimerFired(work.task.instance))

    async def begin(self, work: Work, scope: Scope) -> Transition:
        """Return what a dormant branch writes whose turn it is; StaleSignal: it has begun."""
        return await self._signalled(work, scope, Turn(work.task.instance))

    async def _signalled(self, work: Work, scope: Scope, signal: Signal) -> Transition:
        state, now = await self._unpacked(work, scope), self._clock()
        step = await self._step(work.run, state, signal, now, self._advance_in_thread)
        return await self._transition(step, work.run, work.task, scope, now)

    async def unheard(self, work: Work, scope: Scope) -> Transition:
        """Return what it writes that a listen is over which was told of an event: nothing more."""
        step = Step(await self._unpacked(work, scope), Running())
        return await self._transition(step, work.run, work.task, scope, self._clock())

    async def impossible(self, work: Work, scope: Scope, error: Exception) -> Transition:
        """Return the fault of a run that cannot go on.

        Its state does not know the task that the ledger has out, or cannot be read; it stays as
        it is.
        """
        step = _broken({}, error)
        return await self._transition(step, work.run, work.task, scope, self._clock())

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _transition(
        self,
        step: Step,
        run: RunRow,
        task: TaskRow | None,
        scope: Scope,
        now: float,
    ) -> Transition:
        about = await self._settled(run, task, scope, now)
        return await transition(step, about, self._blobs, self._states)

    async def _settled(
        self, run: RunRow, task: TaskRow | None, scope: Scope, now: float
    ) -> Settled:
        deployed = await self._deployments.get(run.digest)
        packed, rev = scope
        return Settled(run, deployed, task, rev, now, self._grace, before=packed)

    async def _unpacked(self, work: Work, scope: Scope) -> State:
        packed, _ = scope
        return await self._states.unpack(work.run.id, work.task.scope, packed)

    async def _step(
        self, run: RunRow, state: State | None, signal: Signal, now: float, advance_: Advance
    ) -> Step:
        if run.steps >= self._max_steps:
            return _too_long(state or {}, self._max_steps)
        deployed = await self._deployments.get(run.digest)
        facts = Facts(
            run_id=run.id,
            input=await self._shared.input(run),
            started_at=datetime.fromtimestamp(run.started_at, UTC),
            now=datetime.fromtimestamp(now, UTC),
            around=await self._shared.around(run, state),
        )
        try:
            return await advance_(deployed.flow, state, signal, facts)
        except (StaleSignal, NotYetError, OSError):
            raise  # the scope moved on, there is no time, no worker could be started: no fault
        except Exception as error:
            # a defect of the state machine must end the run where people see it, not loop for ever
            log.exception("advance failed on run %s", run.id)
            return _broken(state or {}, error)

    async def _advance_here(
        self, flow: Flow, state: State | None, signal: Signal, facts: Facts
    ) -> Step:
        try:
            return advance(flow, state, signal, facts, self._jq.within(_MOMENT), _BRIEF)
        except TooWide:
            raise NotYetError from None

    async def _advance_in_thread(
        self, flow: Flow, state: State | None, signal: Signal, facts: Facts
    ) -> Step:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._threads, advance, flow, state, signal, facts, self._jq.evaluate
        )


def _broken(state: State, error: Exception) -> Step:
    detail = f"the state machine failed: {type(error).__name__}: {error}"
    return Step(state, ScopeFaulted(Problem(ErrorType.RUNTIME, 500, "Advance failed", detail)))


def _too_long(state: State, limit: int) -> Step:
    detail = (
        f"the run took {limit} steps, the most it may; look for a loop whose end never "
        "comes, or raise TENDRIL_MAX_STEPS"
    )
    return Step(state, ScopeFaulted(Problem(ErrorType.RUNTIME, 500, "Too many steps", detail)))
