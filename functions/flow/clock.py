"""The clock: emits again what nobody took up, retries what is due, gives up what is lost."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from events.errors import ErrorType, Problem
from functions.flow import gathering
from functions.flow.inbox import expire
from functions.flow.rounds import Rounds
from functions.flow.schedules import keep
from functions.host.faults import SinkUnavailable
from functions.host.ledger import LedgerUnavailable
from functions.host.ledger.rows.task import TaskState, Work
from functions.host.outcomes import Outcome

if TYPE_CHECKING:
    from functions.host.assembly import Platform

log = logging.getLogger(__name__)
_BATCH: Final = 500
_OUTBOX_AGE: Final = 2.0
"""Seconds the host that wrote an outgoing event has to send it before the clock does."""


class Clock(Rounds):
    """Sweeps the ledger at an interval; `tick` does one sweep and may be called by anyone."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._ledger, self._settler = platform.ledger, platform.settler
        self._emitter, self._settings = platform.emitter, platform.settings
        super().__init__("the clock", batch=_BATCH, pause=self._settings.sweep_interval)

    async def tick(self) -> int:
        """Attend to everything overdue; return for how many rows that was done."""
        now = self._platform.clock()
        await self._emitter.flush(None, now - _OUTBOX_AGE)
        await keep(self._platform, now)
        await gathering.keep(self._platform, now)
        await expire(self._platform, now)
        overdue = await self._ledger.overdue(now, _BATCH)
        return sum([await self._attended(work, now) for work in overdue])

    async def _attended(self, work: Work, now: float) -> bool:
        """Attend to one row; what is wrong with its run alone does not keep the others waiting."""
        try:
            await self._attend(work, now)
        except (LedgerUnavailable, SinkUnavailable):
            raise
        except Exception:
            log.exception("task %s of run %s cannot go on", work.task.instance, work.run.id)
            return False
        return True

    async def _attend(self, work: Work, now: float) -> None:
        if work.task.state in {TaskState.RECORDED, TaskState.WAITING, TaskState.LISTENING}:
            await self._settle(work)
        elif work.task.state is TaskState.STARTING:
            await self._settler.begin(work)
        elif await self._lost(work, now):
            await self._give_up(work, now)
        else:
            await self._wake(work, now)

    async def _settle(self, work: Work) -> None:
        opened = await self._settler.settle(work)
        await self._emitter.emit(work.run, opened, reply=False)

    async def _wake(self, work: Work, now: float) -> None:
        woken = await self._ledger.wake(work, now=now, grace=self._settings.request_grace)
        if woken:
            await self._emitter.request([woken])

    async def _lost(self, work: Work, now: float) -> bool:
        task = work.task
        if task.state is TaskState.CLAIMED:
            return task.claims >= self._settings.claim_limit
        if task.state is not TaskState.REQUESTED or task.emissions < self._settings.request_limit:
            return False
        # a tool that still claims other tasks is busy, not gone: a long queue is no dead letter
        heard = await self._ledger.progress(task.tool, task.major)
        return heard < now - self._settings.request_grace * 2**6

    async def _give_up(self, work: Work, now: float) -> None:
        packed = await self._platform.blobs.pack(_lost(work).to_json(), work.run.id)
        task = await self._ledger.give_up(work, packed, now)
        if task:
            await self._settle(Work(task, work.run))


def _lost(work: Work) -> Outcome:
    task = work.task
    if task.state is TaskState.CLAIMED:
        detail = (
            f"{task.tool} took this task {task.claims} times and died each time before it "
            "answered; its log says why"
        )
    else:
        detail = (
            f"no {task.tool} service of major version {task.major} took this task, asked "
            f"{task.emissions} times; is it deployed, and does its Trigger exist?"
        )
    return Outcome(problem=Problem(ErrorType.RUNTIME, 500, "Task lost", detail))
