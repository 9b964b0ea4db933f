"""How people steer runs, in PostgreSQL; each function is one transaction's work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.host.ledger.postgres import history, kin, runs
from functions.host.ledger.rows.history import Entry
from functions.host.ledger.rows.run import ENDED, RunRow

if TYPE_CHECKING:
    from functions.host.ledger.postgres.connections import Database


async def cancel(db: Database, run_id: str, at: float) -> RunRow | None:
    """End a run and those it awaits, close their tasks and tell who awaits it."""
    run = await kin.held(db, run_id)
    if run is None or run.status in ENDED:
        return run
    await kin.cancel(db, await _with_below(db, run_id), at)
    await kin.report_cancelled(db, run, at)
    return await runs.by_id(db, run_id)


async def suspend(db: Database, run_id: str, at: float) -> RunRow | None:
    """Stop a running run, and those it awaits, where they stand."""
    for each in await _with_below(db, run_id):
        done = await db.execute(
            "UPDATE runs SET status = 'suspended' WHERE id = %s AND status = 'running' RETURNING 1",
            (each,),
        )
        if await done.fetchone():
            await history.append(db, each, [Entry("run.suspended", at)])
    return await runs.by_id(db, run_id)


async def resume(db: Database, run_id: str, at: float) -> RunRow | None:
    """Let a suspended run, and those it awaits, go on."""
    for each in await _with_below(db, run_id):
        done = await db.execute(
            "UPDATE runs SET status = 'running' WHERE id = %s AND status = 'suspended' RETURNING 1",
            (each,),
        )
        if await done.fetchone():
            await _resume(db, each, at)
    return await runs.by_id(db, run_id)


async def _with_below(db: Database, run_id: str) -> list[str]:
    """Hold a run and those below that it awaits; return them, none where it has ended."""
    await runs.hold(db, run_id)
    run = await runs.by_id(db, run_id)
    if run is None or run.status in ENDED:
        return []
    return [run_id, *await kin.below(db, kin.OF_RUN, run_id)]


async def _resume(db: Database, run_id: str, at: float) -> None:
    """Make everything due that a run has out; the pause counts for none of its timers."""
    await db.execute(
        "UPDATE tasks SET due_at = due_at + %(at)s - (SELECT max(at) FROM history "
        "WHERE run = %(run)s AND kind = 'run.suspended') "
        "WHERE run = %(run)s AND state IN ('waiting', 'retrying')",
        {"run": run_id, "at": at},
    )
    await db.execute(
        "UPDATE tasks SET due_at = %s WHERE run = %s "
        "AND state IN ('requested', 'recorded', 'starting')",
        (at, run_id),
    )
    await history.append(db, run_id, [Entry("run.resumed", at)])
