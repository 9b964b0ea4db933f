"""The embedded ledger: one SQLite file, WAL, every promise synced, shared by processes."""

from __future__ import annotations

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from events.flow.steps import MACHINE
from functions.host.ledger.claims import Verdict
from functions.host.ledger.rows.task import TaskState
from functions.host.ledger.sqlite import (
    approvals,
    budgets,
    chronicle,
    flows,
    gatherings,
    history,
    kin,
    letters,
    listens,
    origins,
    outbox,
    parcels,
    parts,
    phases,
    retention,
    runs,
    steering,
    tasks,
)
from functions.host.ledger.sqlite.writer import Writer, connect
from functions.host.ledger.unavailable import LedgerUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from events.flow.listening import Shape
    from events.vocabulary import Hop
    from functions.host.ledger.claims import Claim
    from functions.host.ledger.port.flows import Deployed
    from functions.host.ledger.rows.budget import Budget, Charge, Reserved, Spend
    from functions.host.ledger.rows.flow import DoorRow, FlowRow, Schedule
    from functions.host.ledger.rows.gathering import Gathered, Look, Tally, Waiting
    from functions.host.ledger.rows.history import Bookmark, Entry, Line
    from functions.host.ledger.rows.letter import Letter, LetterStatus
    from functions.host.ledger.rows.listen import Arrival, Kept
    from functions.host.ledger.rows.outbox import Outgoing
    from functions.host.ledger.rows.run import RunRow, RunStatus
    from functions.host.ledger.rows.task import TaskRow, Work
    from functions.host.ledger.rows.transition import Transition

T = TypeVar("T")
_SEEN_EVERY: Final = 1.0
"""Seconds; `progress` is asked about graces that are far longer."""


class SqliteLedger:
    """`functions.host.ledger.port.Ledger` on one file; that page says what each call promises."""

    def __init__(self, path: str, *, max_pages: int = 0) -> None:
        self._writer = Writer(path, max_pages)
        self._reader = connect(path, read_only=True)
        self._readers = ThreadPoolExecutor(1, "ledger-reader")
        self._write = self._writer.submit
        self._seen: dict[tuple[str, int], float] = {}

    async def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._readers, work, self._reader)
        except sqlite3.Error as error:
            raise LedgerUnavailable(f"the ledger cannot be read: {error}") from error

    async def ready(self) -> None:
        await self._read(lambda db: db.execute("SELECT 1 FROM runs LIMIT 1").fetchone())

    async def close(self) -> None:
        await asyncio.to_thread(self._writer.close)
        self._readers.shutdown()
        self._reader.close()

    async def deploy(
        self,
        flow: FlowRow,
        doors: Sequence[DoorRow],
        schedules: Sequence[Schedule] = (),
        shapes: Sequence[Shape] = (),
    ) -> Deployed:
        return await self._write(lambda db: flows.deploy(db, flow, doors, schedules, shapes))

    async def scheduled(self, now: float) -> list[Schedule]:
        return await self._read(lambda db: flows.scheduled(db, now))

    async def reschedule(self, seen: Schedule, due_at: float | None, run: str | None) -> bool:
        return await self._write(lambda db: flows.reschedule(db, seen, due_at, run))

    async def flow(self, digest: str) -> FlowRow | None:
        return await self._read(partial(flows.by_digest, digest=digest))

    async def flow_named(self, namespace: str, name: str, version: str | None) -> FlowRow | None:
        return await self._read(lambda db: flows.named(db, namespace, name, version))

    async def flows(self) -> list[FlowRow]:
        return await self._read(flows.every)

    async def doors(self, event_type: str) -> list[DoorRow]:
        return await self._read(lambda db: flows.doors(db, event_type))

    async def shapes(self, event_type: str) -> list[Shape]:
        return await self._read(lambda db: listens.shapes(db, event_type))

    async def open(
        self, run: RunRow, first: Transition, *, redrives: str | None = None
    ) -> tuple[RunRow, bool]:
        if redrives is None:
            return await self._write(lambda db: runs.open_run(db, run, first))
        return await self._write(lambda db: origins.redrive(db, run, first, redrives))

    async def successors(self, run_id: str) -> list[str]:
        return await self._read(lambda db: origins.successors(db, run_id))

    async def adopt(
        self, work: Work, child: RunRow, first: Transition, outcome: str | None
    ) -> bool:
        return await self._write(lambda db: kin.adopt(db, work, child, first, outcome))

    async def children(self, run_id: str) -> list[RunRow]:
        return await self._read(lambda db: runs.children(db, run_id))

    async def run(self, run_id: str) -> RunRow | None:
        return await self._read(lambda db: runs.by_id(db, run_id))

    async def runs(
        self, *, flow: tuple[str, str] | None, status: RunStatus | None, limit: int
    ) -> list[RunRow]:
        return await self._read(lambda db: phases.listed(db, flow, status, limit))

    async def waiting(self, run_ids: Sequence[str]) -> set[str]:
        return await self._read(lambda db: phases.waiting(db, run_ids))

    async def ended(self, run_ids: Sequence[str]) -> list[str]:
        return await self._read(lambda db: runs.ended(db, run_ids))

    async def scope(self, run_id: str, scope: str) -> tuple[str, int]:
        return await self._read(lambda db: runs.scope(db, run_id, scope))

    async def parts(self, run_id: str, scope: str, digests: Sequence[str]) -> dict[str, str]:
        return await self._read(lambda db: parts.read(db, run_id, scope, digests))

    async def outputs(self, run_id: str, fork: str) -> list[str]:
        return await self._read(lambda db: runs.outputs(db, run_id, fork))

    async def shared(self, run_id: str, fork: str) -> str:
        return await self._read(lambda db: runs.shared(db, run_id, fork))

    async def transit(self, transition: Transition) -> bool:
        return await self._write(lambda db: runs.transit(db, transition))

    async def suspend(self, run_id: str, at: float) -> RunRow | None:
        return await self._write(lambda db: steering.suspend(db, run_id, at))

    async def resume(self, run_id: str, at: float) -> RunRow | None:
        return await self._write(lambda db: steering.resume(db, run_id, at))

    async def cancel(self, run_id: str, at: float) -> RunRow | None:
        return await self._write(lambda db: steering.cancel(db, run_id, at))

    async def done_with(self, before: float, limit: int) -> list[str]:
        return await self._read(lambda db: retention.done_with(db, before, limit))

    async def archive(self, run_id: str, before: float) -> bool:
        return await self._write(lambda db: retention.archive(db, run_id, before))

    async def archived(self, before: float, limit: int) -> list[str]:
        return await self._read(lambda db: retention.archived(db, before, limit))

    async def erase(self, run_ids: Sequence[str]) -> None:
        await self._write(lambda db: retention.erase(db, run_ids))

    async def history(self, run_id: str, after: int) -> list[tuple[int, Entry]]:
        return await self._read(lambda db: history.read(db, run_id, after))

    async def claim(self, hop: Hop, *, now: float, lease: float, cold: bool) -> Claim:
        # a claim is no promise: lost in a power cut, the task is simply asked for again
        return await self._write(
            lambda db: self._claim(db, hop, now, lease, cold=cold), promise=False
        )

    def _claim(
        self, db: sqlite3.Connection, hop: Hop, now: float, lease: float, *, cold: bool
    ) -> Claim:
        claim = tasks.claim(db, hop, now, lease, cold)
        tool = hop.tool, hop.major
        if claim.verdict is Verdict.CLAIM and now - self._seen.get(tool, 0.0) >= _SEEN_EVERY:
            tasks.seen(db, *tool, now)
            self._seen[tool] = now
        return claim

    async def heartbeat(self, task: TaskRow, due_at: float) -> bool:
        return await self._write(lambda db: tasks.heartbeat(db, task, due_at), promise=False)

    async def record(
        self, task: TaskRow, outcome: str, due_at: float, charge: Charge | None = None
    ) -> bool:
        return await self._write(lambda db: tasks.record(db, task, outcome, due_at, charge))

    async def park(
        self, task: TaskRow, due_at: float, entry: Entry, charge: Charge | None = None
    ) -> bool:
        return await self._write(lambda db: tasks.park(db, task, due_at, entry, charge))

    async def reserve(self, work: Work, asked: Spend, now: float) -> Reserved:
        # like the claim that it belongs to, no promise
        return await self._write(lambda db: budgets.reserve(db, work, asked, now), promise=False)

    async def budget(self, run_id: str) -> Budget | None:
        return await self._read(lambda db: budgets.by_run(db, run_id))

    async def requests_after(self, run_id: str, cause: str) -> list[Work]:
        return await self._read(lambda db: tasks.after(db, run_id, cause, TaskState.REQUESTED))

    async def recorded_after(self, run_id: str, cause: str) -> list[Work]:
        return await self._read(lambda db: tasks.after(db, run_id, cause, TaskState.RECORDED))

    async def task(self, run_id: str, instance: str) -> Work | None:
        return await self._read(lambda db: tasks.one(db, run_id, instance))

    async def tasks(self, run_id: str, *, closed: bool = True) -> list[TaskRow]:
        return await self._read(lambda db: tasks.of_run(db, run_id, closed=closed))

    async def overdue(self, now: float, limit: int, machine: int = MACHINE) -> list[Work]:
        return await self._read(lambda db: tasks.overdue(db, now, limit, machine))

    async def progress(self, tool: str, major: int) -> float:
        return await self._read(lambda db: tasks.progress(db, tool, major))

    async def wake(self, work: Work, *, now: float, grace: float) -> Work | None:
        return await self._write(lambda db: tasks.wake(db, work, now, grace))

    async def give_up(self, work: Work, outcome: str, now: float) -> TaskRow | None:
        return await self._write(lambda db: tasks.give_up(db, work, outcome, now))

    async def redrive(
        self, letter: Letter, at: float, edited: tuple[str, str] | None
    ) -> Work | None:
        return await self._write(lambda db: kin.redrive(db, letter, at, edited))

    async def receive(self, arrival: Arrival) -> tuple[Arrival, list[Gathered]]:
        return await self._write(lambda db: listens.receive(db, arrival))

    async def gathering(self, digest: str, correlation: str) -> list[Waiting]:
        return await self._read(lambda db: gatherings.members(db, digest, correlation))

    async def tally(self, digest: str) -> Tally:
        return await self._read(lambda db: gatherings.tally(db, digest))

    async def unlooked(self, before: float) -> list[tuple[str, str]]:
        return await self._read(lambda db: gatherings.unlooked(db, before))

    async def gather(self, look: Look) -> bool:
        return await self._write(lambda db: gatherings.note(db, look))

    async def gathered(self, before: float) -> list[Gathered]:
        return await self._read(lambda db: gatherings.waiting(db, before))

    async def started(self, gathered: Gathered) -> None:
        await self._write(lambda db: gatherings.started(db, gathered.id))

    async def deliver(
        self, arrival: Arrival, key: tuple[str, str], after: tuple[str, str], limit: int
    ) -> list[TaskRow]:
        return await self._write(lambda db: listens.deliver(db, arrival, key, after, limit))

    async def look(self, listen: TaskRow, limit: int) -> list[TaskRow]:
        return await self._write(lambda db: listens.look(db, listen, limit))

    async def stale(self, before: float, limit: int) -> list[Kept]:
        return await self._read(lambda db: listens.stale(db, before, limit))

    async def forget(self, events: Sequence[str]) -> None:
        await self._write(lambda db: listens.forget(db, events))

    async def announce(self, parcel: str, at: float) -> None:
        await self._write(lambda db: parcels.announce(db, parcel, at))

    async def unheld(self, before: float, limit: int) -> list[str]:
        return await self._write(lambda db: parcels.unheld(db, before, limit))

    async def deleted(self, given_up: Sequence[str]) -> None:
        await self._write(lambda db: parcels.deleted(db, given_up))

    async def asking(
        self, names: Sequence[str] | None, after: tuple[float, str, str], limit: int
    ) -> list[Work]:
        return await self._read(lambda db: approvals.asking(db, names, after, limit))

    async def asking_below(
        self, run_ids: Sequence[str], names: Sequence[str] | None = None
    ) -> list[tuple[str, Work]]:
        return await self._read(lambda db: approvals.asking_below(db, run_ids, names))

    async def answer(self, asked: TaskRow, hearing: TaskRow, entry: Entry) -> bool:
        return await self._write(lambda db: approvals.answer(db, asked, hearing, entry))

    async def add_letter(self, letter: Letter) -> None:
        await self._write(lambda db: letters.add(db, letter))

    async def letter(self, letter_id: str) -> Letter | None:
        return await self._read(lambda db: letters.by_id(db, letter_id))

    async def letters(
        self,
        *,
        status: LetterStatus | None = None,
        flow: str | None = None,
        tool: str | None = None,
        reason: str | None = None,
        limit: int = 100,
    ) -> list[Letter]:
        return await self._read(lambda db: letters.listed(db, status, flow, tool, reason, limit))

    async def mark_letter(
        self, letter_id: str, expected: LetterStatus, status: LetterStatus
    ) -> bool:
        return await self._write(lambda db: letters.mark(db, letter_id, expected, status))

    async def add_unmatched(self, event_id: str, event: str, at: float, keep: int) -> None:
        await self._write(lambda db: letters.add_unmatched(db, event_id, event, at, keep))

    async def unmatched(self, limit: int) -> list[str]:
        return await self._read(lambda db: letters.unmatched(db, limit))

    async def outbox(self, run_id: str | None, before: float, limit: int) -> list[Outgoing]:
        return await self._read(lambda db: outbox.waiting(db, run_id, before, limit))

    async def sent(self, ids: Sequence[str]) -> None:
        await self._write(lambda db: outbox.sent(db, ids))

    async def bookmark(self, reader: str) -> Bookmark:
        found = await self._read(lambda db: chronicle.bookmark(db, reader))
        if found is None:
            found = await self._write(lambda db: chronicle.begin(db, reader))
        return found

    async def lines(self, after: str, kinds: Sequence[str], limit: int) -> tuple[list[Line], str]:
        return await self._read(lambda db: chronicle.lines(db, after, kinds, limit))

    async def mark(self, reader: str, seen: Bookmark, to: Bookmark | None) -> bool:
        return await self._write(lambda db: chronicle.mark(db, reader, seen, to), promise=False)
