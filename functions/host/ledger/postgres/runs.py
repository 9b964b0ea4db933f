"""Runs, scopes and transitions in PostgreSQL; each function is one transaction's work.

Whatever writes more than one row of a run first locks the run's row (`hold`), so that the
writers of one run queue up and each sees what the one before it left: under READ COMMITTED
every statement after the lock reads a new snapshot. Other runs are not waited for. Locks are
taken in one order: run, task, the rest; of several runs the parent before those it started, and
of these in the order of their ids.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

import orjson

from functions.host.ledger.postgres import (
    approvals,
    budgets,
    forks,
    history,
    kin,
    letters,
    listens,
    outbox,
    parts,
    tasks,
)
from functions.host.ledger.postgres.schema import RUN
from functions.host.ledger.rows.run import ENDED, RunRow, RunStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.host.ledger.postgres.connections import Database
    from functions.host.ledger.rows.transition import Transition

COLUMNS: Final = ", ".join(RUN)
_MARKS: Final = ", ".join(["%s"] * len(RUN))
_STATUS: Final = RUN.index("status")
_ERROR: Final = RUN.index("error")
_values = attrgetter(*RUN)


def read(row: Sequence[Any]) -> RunRow:
    """Build a run from its columns."""
    values = list(row)
    values[_STATUS] = RunStatus(values[_STATUS])
    return RunRow(*values)


async def hold(db: Database, run_id: str) -> None:
    """Lock a run's row until the transaction ends."""
    await db.execute("SELECT 1 FROM runs WHERE id = %s FOR NO KEY UPDATE", (run_id,))


async def by_id(db: Database, run_id: str) -> RunRow | None:
    """Return a run."""
    found = await db.execute(f"SELECT {COLUMNS} FROM runs WHERE id = %s", (run_id,))  # noqa: S608
    row = await found.fetchone()
    return read(row) if row else None


async def children(db: Database, run_id: str) -> list[RunRow]:
    """Return the runs that a run started."""
    found = await db.execute(
        f"SELECT {COLUMNS} FROM runs WHERE parent = %s ORDER BY started_at, id",  # noqa: S608
        (run_id,),
    )
    return [read(row) for row in await found.fetchall()]


async def ended(db: Database, run_ids: Sequence[str]) -> list[str]:
    """Return the runs that ended."""
    found = await db.execute(
        "SELECT id FROM runs WHERE id = ANY(%s) AND status = ANY(%s)",
        (list(run_ids), list(ENDED)),
    )
    return [row[0] for row in await found.fetchall()]


async def scope(db: Database, run_id: str, name: str) -> tuple[str, int]:
    """Return a scope's packed state and revision; nothing of one that is gone or stands still."""
    found = await db.execute(
        "SELECT state, rev FROM scopes WHERE run = %s AND scope = %s AND rev >= 0",
        (run_id, name),
    )
    row = await found.fetchone()
    return (row[0], row[1]) if row else ("", 0)


async def outputs(db: Database, run_id: str, fork: str) -> list[str]:
    """Return what the branches of a fork gave."""
    found = await db.execute(
        "SELECT output FROM scopes WHERE run = %s AND fork = %s ORDER BY number", (run_id, fork)
    )
    return [row[0] for row in await found.fetchall()]


async def shared(db: Database, run_id: str, fork: str) -> str:
    """Return what the branches of a fork share; of one that is over, nothing."""
    found = await db.execute(
        "SELECT shared FROM forks WHERE run = %s AND fork = %s", (run_id, fork)
    )
    row = await found.fetchone()
    return (row and row[0]) or "null"


async def open_run(db: Database, run: RunRow, first: Transition) -> tuple[RunRow, bool]:
    """Insert a run and its first transition, or return the one that has the id already."""
    values = list(_values(run))
    values[_ERROR] = _json(run.error) if run.error else None
    inserted = await db.execute(
        f"INSERT INTO runs ({COLUMNS}) VALUES ({_MARKS}) "  # noqa: S608 - constants
        "ON CONFLICT DO NOTHING RETURNING id",
        values,
    )
    created = await inserted.fetchone() is not None
    if created:
        await db.execute(
            "INSERT INTO scopes (run, scope, state, rev) VALUES (%s, %s, '', 0)",
            (run.id, first.scope),
        )
        await _apply(db, first)
    return await by_id(db, run.id) or run, created


async def transit(db: Database, step: Transition) -> bool:
    """Compare and set: scope revision, run status and the closing task's token must stand."""
    if step.child_end:
        await hold(db, step.child_end.run)
    await hold(db, step.run)
    stands = await (_stands(db, step) if step.closes is None else tasks.close(db, step))
    if stands:
        await _apply(db, step)
    return stands


async def _stands(db: Database, step: Transition) -> bool:
    found = await db.execute(
        "SELECT 1 FROM scopes s JOIN runs r ON r.id = s.run WHERE s.run = %s AND s.scope = %s "
        "AND s.rev = %s AND r.status = 'running'",
        (step.run, step.scope, step.expected_rev),
    )
    return await found.fetchone() is not None


async def _apply(db: Database, step: Transition) -> None:
    beside: list[tuple[str, Sequence[Any]]] = []
    if step.ended is not RunStatus.FAULTED:
        # a faulted run keeps the state in which its task was out, and the timers that were set:
        # redrive resumes from there
        if step.join is None or step.join.output is not None:  # a branch that faults keeps its own
            await tasks.shut(db, step.run, step.also_closes, step.at)
            for fork, prefix in step.shuts:
                await forks.shut(db, step.run, fork, prefix, step.at)
        if step.join is None:
            moved = "UPDATE scopes SET state = %s, rev = rev + 1 WHERE run = %s AND scope = %s"
            beside.append((moved, (step.state, step.run, step.scope)))
            await parts.swap(db, step)
        else:
            step = await forks.join(db, step, step.join)
        await forks.begin(db, step)
        if step.join is None or step.join.output is not None:
            await listens.end(db, step.run, step.deaf)
    await listens.begin(db, step)
    await approvals.begin(db, step)
    rows = (*step.requests, *step.timers, *step.children, *step.turns)
    await tasks.insert(db, rows)
    await outbox.post(db, step.run, step.outbox, step.at)
    await budgets.account(db, step)
    if step.letter:
        await letters.settle(db, step.letter)
    beside.append(_counted(step))
    await history.append(db, step.run, step.entries, *beside)
    if step.ended and step.child_end:
        await kin.report_end(db, step.child_end)


def _counted(step: Transition) -> tuple[str, Sequence[Any]]:
    """Return what counts a step, and ends the run where it was the last."""
    if not step.ended:
        return "UPDATE runs SET steps = steps + 1 WHERE id = %s", (step.run,)
    error = _json(step.error) if step.error else None
    ended = (
        "UPDATE runs SET status = %s, output = %s, error = %s, ended_at = %s, steps = steps + 1 "
        "WHERE id = %s"
    )
    return ended, (step.ended, step.output, error, step.at, step.run)


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
