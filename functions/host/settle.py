"""From a recorded outcome to the next rows and events: advance, compare and set, emit."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from events.envelope import parse
from events.errors import ErrorType, Problem
from events.flow.advance import advance
from events.flow.steps import MACHINE, Facts, ScopeFaulted, Start, Step
from functions.host.hops import hop_event
from functions.host.ledger.rows import RunStatus, TaskState, Work
from functions.host.outcomes import Outcome
from functions.host.transitions import Settled, transition

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from events.envelope import Event
    from events.flow.steps import Evaluate, Signal, State
    from functions.host.blobs import Blobs
    from functions.host.deployed import Deployments
    from functions.host.ledger import Ledger
    from functions.host.ledger.rows import RunRow, TaskRow, Transition
    from functions.host.sink import Sink


@dataclass(frozen=True, slots=True)
class Opened:
    """What a step left to emit: task requests, and whether the outbox has something too."""

    requests: Sequence[Work] = ()
    outbox: bool = True


log = logging.getLogger(__name__)

_BY_SINK_EVERY: Final = 100
"""Every n-th hop of a run goes by K_SINK: a reply counts down a broker's TTL, this resets it."""


class Settler:
    """Advances runs; shared by every tool's host, by `flow` and by `dead_letter`."""

    def __init__(
        self,
        ledger: Ledger,
        blobs: Blobs,
        deployments: Deployments,
        sink: Sink,
        evaluate: Evaluate,
        clock: Callable[[], float],
        *,
        grace: float,
        max_steps: int,
    ) -> None:
        self.ledger, self.blobs, self.deployments = ledger, blobs, deployments
        self.sink, self.clock = sink, clock
        self._evaluate, self._grace, self._max_steps = evaluate, grace, max_steps
        self._threads = ThreadPoolExecutor(4, "advance")

    async def start(self, run: RunRow) -> tuple[RunRow, Opened]:
        """Open a run and take its first step; a run that exists answers with what is open."""
        step = await self._step(run, None, Start(), run.started_at)
        about = await self._about(run, None, 0, 0.0, run.started_at)
        first = await transition(step, about, self.blobs)
        opened = await self.ledger.open(run, first)
        return opened, Opened(await self.ledger.requests_after(opened.id, ""))

    async def settle(
        self,
        work: Work,
        *,
        scope: tuple[str, int] | None = None,
        recorded: Awaitable[bool] | None = None,
    ) -> Opened:
        """Advance from a RECORDED row and return the tasks this opened.

        Returns the row's already opened tasks when another host settled it first. A run of
        another machine version is left to `flow` of that version. A host that is still writing
        the outcome passes that write as `recorded`: advance runs beside it, the transition
        after it. `scope` saves reading what the caller knows; a stale one is a conflict.
        """
        if work.run.machine != MACHINE or work.task.outcome is None:
            return Opened(outbox=False)
        if scope is None:
            scope = await self.ledger.scope(work.run.id, work.task.scope)
        outcome = Outcome.from_json(await self.blobs.unpack(work.task.outcome))
        signal = outcome.signal(work.task.instance)
        while True:
            written = await self._written(work, signal, outcome.work_ms, scope)
            if recorded is not None and not await recorded:
                return Opened(outbox=False)
            done = written if await self.ledger.transit(written) else None
            if done is not None:
                requests = [Work(task, work.run) for task in done.requests]
                return Opened(requests, outbox=bool(done.outbox))
            now = await self.ledger.task(work.task.run, work.task.instance)
            if not _still_ours(now, work):
                return await self.reopened(work)
            recorded, scope = None, await self.ledger.scope(work.run.id, work.task.scope)

    async def reopened(self, work: Work) -> Opened:
        """Return what a closed row's outcome opened and nobody took up yet."""
        return Opened(await self.ledger.requests_after(work.run.id, work.task.event_id))

    async def _written(
        self, work: Work, signal: Signal, work_ms: float, scope: tuple[str, int]
    ) -> Transition:
        run, task = work.run, work.task
        packed, rev = scope
        state = await self.blobs.unpack(packed)
        now = self.clock()
        step = await self._step(run, state, signal, now)
        about = await self._about(run, task, rev, work_ms, now)
        return await transition(step, about, self.blobs)

    async def _about(
        self, run: RunRow, task: TaskRow | None, rev: int, work_ms: float, now: float
    ) -> Settled:
        deployed = await self.deployments.get(run.digest)
        return Settled(run, deployed, task, rev, now, self._grace, work_ms)

    async def _step(self, run: RunRow, state: State | None, signal: Signal, now: float) -> Step:
        if run.steps >= self._max_steps:
            return _too_long(state or {}, self._max_steps)
        deployed = await self.deployments.get(run.digest)
        facts = Facts(
            run_id=run.id,
            input=await self.blobs.unpack(run.input),
            started_at=datetime.fromtimestamp(run.started_at, UTC),
            now=datetime.fromtimestamp(now, UTC),
        )
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(
                self._threads, advance, deployed.flow, state, signal, facts, self._evaluate
            )
        except Exception as error:
            # a defect of the state machine must end the run where people see it, not loop for ever
            log.exception("advance failed on run %s", run.id)
            return _broken(state or {}, error)

    async def emit(self, run: RunRow, opened: Opened, *, reply: bool) -> Event | None:
        """Emit a step's events: the outbox and all requests by K_SINK, but one as the reply.

        With `reply`, a single request is returned instead of sent, for the HTTP response.
        """
        if opened.outbox:
            await self.flush(run.id)
        events = [await hop_event(work, self.blobs) for work in opened.requests]
        if reply and len(events) == 1 and (run.steps + 1) % _BY_SINK_EVERY:
            return events[0]
        await self.sink.publish(events)
        return None

    async def flush(self, run_id: str | None, before: float = float("inf")) -> int:
        """Publish outbox events, of one run or of all; return how many."""
        waiting = await self.ledger.outbox(run_id, before, 1000)
        if waiting:
            await self.sink.publish([_stored(item.event) for item in waiting])
            await self.ledger.sent([item.id for item in waiting])
        return len(waiting)

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _still_ours(now: Work | None, work: Work) -> bool:
    return (
        now is not None
        and now.run.status is RunStatus.RUNNING
        and now.task.state is TaskState.RECORDED
        and now.task.token == work.task.token
    )


def _stored(text: str) -> Event:
    return parse([("content-type", "application/cloudevents+json")], text.encode())


def _broken(state: State, error: Exception) -> Step:
    detail = f"the state machine failed: {type(error).__name__}: {error}"
    return Step(state, ScopeFaulted(Problem(ErrorType.RUNTIME, 500, "Advance failed", detail)))


def _too_long(state: State, limit: int) -> Step:
    detail = (
        f"the run took {limit} steps, the most it may; look for a loop whose end never "
        "comes, or raise TENDRIL_MAX_STEPS"
    )
    return Step(state, ScopeFaulted(Problem(ErrorType.RUNTIME, 500, "Too many steps", detail)))
