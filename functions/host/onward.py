"""What a transition leaves for the next moments, done from here; if we die, the clock does it.

A timer that is due soon, a branch whose turn it is, a child run to be opened, a parent that its
child has told: each is a row with a deadline; nothing here has to happen, it only happens sooner.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Final

from events.errors import RetryableError, TendrilError
from functions.host.emitting import opened_by
from functions.host.faults import SinkUnavailable
from functions.host.ledger import LedgerUnavailable
from functions.host.ledger.rows.run import RunStatus
from functions.host.ledger.rows.task import TaskState, Work
from functions.host.outcomes import Outcome, from_error

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from functions.host.blobs import Blobs
    from functions.host.children import Child, Children
    from functions.host.emitting import Emitter, Opened
    from functions.host.ledger import Ledger
    from functions.host.ledger.rows.run import RunRow
    from functions.host.ledger.rows.transition import Transition

log = logging.getLogger(__name__)
_AT_ONCE: Final = 16
"""Child runs that one host opens at the same time: a wide fork of them leaves others a turn."""


class Onward:
    """Sees to what transitions of this host leave; `settle` advances from a row."""

    def __init__(
        self,
        ledger: Ledger,
        blobs: Blobs,
        children: Children,
        emitter: Emitter,
        clock: Callable[[], float],
        settle: Callable[[Work], Awaitable[Opened]],
        *,
        soon: float,
    ) -> None:
        self._ledger, self._blobs, self._children = ledger, blobs, children
        self._emitter, self._clock, self._settle, self._soon = emitter, clock, settle, soon
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._doing: set[asyncio.Task[None]] = set()

    def expect(self, run: RunRow, written: Transition) -> None:
        """See to what a transition that is written leaves; the clock would find it later."""
        for timer in written.timers:
            wait = timer.due_at - self._clock()
            if wait < self._soon:
                self._start(Work(timer, run), partial(self._fire, Work(timer, run), wait))
        for turn in written.turns:
            self._start(Work(turn, run), partial(self._advance, Work(turn, run)))
        for row in written.children:
            self._start(Work(row, run), partial(self.begin, Work(row, run)))
        if end := written.child_end:
            self._start(None, partial(self._hear, end.run, end.instance))

    def close(self) -> None:
        """Leave what is not done to the clock."""
        for task in self._doing:
            task.cancel()

    def _start(self, work: Work | None, doing: Callable[[], Awaitable[None]]) -> None:
        task = asyncio.create_task(self._guarded(work, doing))
        self._doing.add(task)
        task.add_done_callback(self._doing.discard)

    async def _guarded(self, work: Work | None, doing: Callable[[], Awaitable[None]]) -> None:
        what = f"task {work.task.instance} of run {work.run.id}" if work else "a parent run"
        try:
            await doing()
        except (LedgerUnavailable, SinkUnavailable, RetryableError) as error:
            log.info("%s is left to the clock: %s", what, error)
        except Exception:
            log.exception("%s", what)

    async def _fire(self, timer: Work, wait: float) -> None:
        await asyncio.sleep(wait)
        now = await self._ledger.task(timer.task.run, timer.task.instance)
        if now and still_ours(now, timer):
            await self._advance(now)

    async def _hear(self, run_id: str, instance: str) -> None:
        """Advance from a row that its child run, or the start of one, has recorded."""
        now = await self._ledger.task(run_id, instance)
        if now and now.task.state is TaskState.RECORDED and now.run.status is RunStatus.RUNNING:
            await self._advance(now)

    async def _advance(self, work: Work) -> None:
        opened = await self._settle(work)
        await self._emitter.emit(work.run, opened, reply=False)

    async def begin(self, work: Work) -> None:
        """Open the run that a STARTING row asks for, emit its first events, and go on.

        One that cannot be started is the task's fault.
        """
        async with self._turns:
            try:
                child = await self._children.made(work)
            except RetryableError:
                raise  # the object store is out: whoever asks again may find it
            except TendrilError as error:
                await self._fault(work, from_error(error))
                return
            await self._open(work, child)

    async def _open(self, work: Work, child: Child) -> None:
        run, first = child.run, child.first
        done = None if run.awaited else await self._blobs.pack(Outcome().to_json(), work.run.id)
        if not await self._ledger.adopt(work, run, first, done):
            return
        self.expect(run, first)
        await self._emitter.emit(run, opened_by(run, first), reply=False)
        if not run.awaited:
            self._start(work, partial(self._hear, work.run.id, work.task.instance))

    async def _fault(self, work: Work, outcome: Outcome) -> None:
        packed = await self._blobs.pack(outcome.to_json(), work.run.id)
        task = await self._ledger.give_up(work, packed, self._clock())
        if task:
            await self._advance(Work(task, work.run))


def still_ours(now: Work | None, work: Work) -> bool:
    """Whether a row stands as it was seen, and its run goes on."""
    return (
        now is not None
        and now.run.status is RunStatus.RUNNING
        and now.task.state is work.task.state
        and now.task.token == work.task.token
    )
