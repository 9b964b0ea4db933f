"""From an outcome to the next rows: advance outside any transaction, then compare and set."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from events.errors import RetryableError, ToolError
from events.flow.advance import StaleSignal
from events.flow.steps import MACHINE
from functions.host.branching import JOINED
from functions.host.children import Children
from functions.host.emitting import NOTHING, Opened, opened_by
from functions.host.jq import NotYetError
from functions.host.ledger.claims import TURN
from functions.host.ledger.rows.run import RunStatus
from functions.host.ledger.rows.task import TaskState, Work
from functions.host.metering import charge_of
from functions.host.onward import Onward, still_ours
from functions.host.outcomes import Outcome
from functions.host.takeover import Takeover

if TYPE_CHECKING:
    from collections.abc import Callable

    from functions.host.blobs import Blobs
    from functions.host.emitting import Emitter
    from functions.host.ledger import Ledger
    from functions.host.ledger.rows.run import RunRow
    from functions.host.ledger.rows.task import TaskRow
    from functions.host.ledger.rows.transition import Transition
    from functions.host.stepping import Scope, Stepper

_FIRST: Final = 4
_MOST: Final = 256
"""Events that a listen is told of at once: few at first, since most want one."""
_PATIENCE: Final = 0.05
"""Seconds an outcome waits for `advance`, so that one transaction can write both."""


class Settler:
    """Settles outcomes; shared by every tool's host, by `flow` and by `dead_letter`."""

    def __init__(
        self,
        ledger: Ledger,
        blobs: Blobs,
        stepper: Stepper,
        emitter: Emitter,
        clock: Callable[[], float],
        *,
        lease: float,
        soon: float,
    ) -> None:
        self._ledger, self._blobs, self._stepper = ledger, blobs, stepper
        self._emitter, self._clock, self._lease = emitter, clock, lease
        children = Children(ledger, blobs, stepper, clock)
        self._onward = Onward(ledger, blobs, children, emitter, clock, self.settle, soon=soon)
        self._takeover = Takeover(ledger, blobs)

    async def start(self, run: RunRow, redrives: str | None = None) -> tuple[RunRow, Opened]:
        """Open a run and take its first step; a run that exists answers with what is open.

        `redrives` is the dead letter for which a run with an origin is opened; the run answers
        unopened where the letter is no longer open.
        """
        run, first = await self._stepper.first(run)
        first = await self._takeover.of(run, first)
        opened, created = await self._ledger.open(run, first, redrives=redrives)
        if created:
            self._onward.expect(opened, first)
            return opened, opened_by(opened, first)
        return opened, Opened(await self._ledger.requests_after(opened.id, ""))

    async def finish(self, work: Work, outcome: Outcome, scope: Scope | None) -> Opened | None:
        """Write the outcome of a claimed task and what follows; None when the claim was lost.

        One transaction where `advance` is quick, as it nearly always is. A slow one finds the
        outcome recorded first, so that a crash does not lose what the handler did. `scope` is
        what the claim saw; where it has moved on since, the outcome is recorded and settled.
        """
        packed = await self._blobs.pack(outcome.to_json(), work.run.id)
        charge, ours = charge_of(work.run, outcome), work.run.machine == MACHINE
        late: asyncio.Future[Transition] | None = None
        if scope and ours:
            written, late = await self._soon(work, outcome, scope)
            if written:
                whole = replace(written, outcome=packed, charge=charge)
                if opened := await self._commit(work.run, whole):
                    return await self._on(work.run, written, opened)
        # a host of the run's own version may have what is not ours at once
        due_at = self._clock() + (self._lease if ours else 0.0)
        if not await self._ledger.record(work.task, packed, due_at, charge):
            return None
        task = replace(work.task, state=TaskState.RECORDED, outcome=packed)
        if late:
            await asyncio.wait({late})
            if (written := _result(late)) and (opened := await self._commit(work.run, written)):
                return await self._on(work.run, written, opened)
        return await self.settle(replace(work, task=task))

    async def _soon(
        self, work: Work, outcome: Outcome, scope: Scope
    ) -> tuple[Transition | None, asyncio.Future[Transition] | None]:
        """Return the transition if it takes little time to compute, else what will have it."""
        try:
            return await self._stepper.at_once(work, outcome, scope), None
        except (StaleSignal, ToolError):
            return None, None  # the outcome is recorded first, and then seen to
        except NotYetError:
            late = asyncio.ensure_future(self._stepper.in_thread(work, outcome, scope))
            await asyncio.wait({late}, timeout=_PATIENCE)
            return (_result(late), None) if late.done() else (None, late)

    async def _commit(self, run: RunRow, written: Transition) -> Opened | None:
        """Write a transition and return what it opened; None where it no longer stands.

        The events are made while the disk is waited for.
        """
        written = await self._takeover.of(run, written)
        committing = asyncio.ensure_future(self._ledger.transit(written))
        await asyncio.sleep(0)  # from here it is on its way
        opened = await self._emitter.made(opened_by(run, written))
        if not await committing:
            return None
        self._onward.expect(run, written)
        return opened

    async def _on(self, run: RunRow, written: Transition | None, opened: Opened) -> Opened:
        """Go on in other scopes where a branch ended: its fork's, or that of the next branch.

        If we die, the clock does.
        """
        while written is not None and written.join is not None:
            recorded = await self._ledger.recorded_after(run.id, written.join.row.cause)
            if not recorded:
                break
            written, more = await self._settle(recorded[0])  # of the two there is one at most
            opened = opened.and_(more)
        return opened

    async def begin(self, work: Work) -> None:
        """Open the child run that a STARTING row asks for, and go on from there."""
        await self._onward.begin(work)

    def close(self) -> None:
        """Leave what is not done to the clock."""
        self._onward.close()

    async def settle(self, work: Work) -> Opened:
        """Advance from a RECORDED row, or one that is due WAITING; return what it opened.

        A LISTENING one is told of the events that came before it.

        Returns the row's already opened tasks when another host settled it first. A run of
        another machine version is left to `flow` of that version.
        """
        if work.task.state is TaskState.LISTENING and work.run.machine == MACHINE:
            return await self._tell(work)
        written, opened = await self._settle(work)
        return await self._on(work.run, written, opened)

    async def _settle(self, work: Work) -> tuple[Transition | None, Opened]:
        """Settle one row alone; return what was written, and what that opened."""
        if work.run.machine != MACHINE:
            return None, NOTHING
        while True:
            scope = await self._ledger.scope(work.run.id, work.task.scope)
            if not scope[1]:  # its branch is over with its fork, or has faulted
                return None, await self._emitter.reopened(work)
            try:
                written = await self._computed(work, scope)
            except RetryableError:
                raise  # the object store is out: whoever asks again may find it
            except (StaleSignal, ToolError) as error:
                written = await self._stepper.impossible(work, scope, error)
            if written is None:
                return None, NOTHING
            if opened := await self._commit(work.run, written):
                return written, opened
            now = await self._ledger.task(work.task.run, work.task.instance)
            if not still_ours(now, work):
                return None, await self._emitter.reopened(work)

    async def _computed(self, work: Work, scope: Scope) -> Transition | None:
        """Return what a row writes in its scope; None where it has nothing to tell yet."""
        outcome = work.task.outcome
        if work.task.state is TaskState.WAITING:
            return await self._stepper.fire(work, scope)
        if outcome is None:
            return None
        if outcome == TURN:
            return await self._stepper.begin(work, scope)
        if outcome == JOINED:
            outputs = await self._ledger.outputs(work.run.id, work.task.instance)
            joined = Outcome(output=[await self._blobs.unpack(each) for each in outputs])
            return await self._stepper.in_thread(work, joined, scope)
        told = Outcome.from_json(await self._blobs.unpack(outcome))
        if told.event is not None:
            return await self._heard(work, told, scope)
        blame = await self._ledger.task(*told.blame) if told.blame else None
        return await self._stepper.in_thread(work, told, scope, blame)

    async def _tell(self, listen: Work) -> Opened:
        """Tell a listen of the events that came before it; if we die, it is still due."""
        opened, limit = NOTHING, _FIRST
        while True:
            rows = await self._ledger.look(listen.task, limit)
            for row in rows:
                opened = opened.and_(await self.hear(row))
            if len(rows) < limit:
                return opened
            limit = min(limit * 4, _MOST)

    async def hear(self, row: TaskRow) -> Opened:
        """Advance from a row that tells a listen of an event, unless that has been done."""
        work = await self._ledger.task(row.run, row.instance)
        if work is None or work.task.state is not TaskState.RECORDED:
            return NOTHING
        return await self.settle(work) if work.run.status is RunStatus.RUNNING else NOTHING

    async def _heard(self, work: Work, told: Outcome, scope: Scope) -> Transition:
        try:
            return await self._stepper.in_thread(work, told, scope)
        except StaleSignal:
            return await self._stepper.unheard(work, scope)


def _result(step: asyncio.Future[Transition]) -> Transition | None:
    """Return a step's transition, None when its scope has moved on or cannot be read."""
    try:
        return step.result()
    except (StaleSignal, ToolError):
        return None
