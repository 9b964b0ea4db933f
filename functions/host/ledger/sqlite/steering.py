"""How people steer runs, in SQLite; each function is one transaction's work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.host.ledger.rows.history import Entry
from functions.host.ledger.rows.run import ENDED, RunRow
from functions.host.ledger.sqlite import history, kin, runs

if TYPE_CHECKING:
    import sqlite3


def cancel(db: sqlite3.Connection, run_id: str, at: float) -> RunRow | None:
    """End a run and those it awaits, close their tasks and tell who awaits it."""
    run = runs.by_id(db, run_id)
    if run is None or run.status in ENDED:
        return run
    kin.cancel(db, _with_below(db, run_id), at)
    kin.report_cancelled(db, run, at)
    return runs.by_id(db, run_id)


def suspend(db: sqlite3.Connection, run_id: str, at: float) -> RunRow | None:
    """Stop a running run, and those it awaits, where they stand."""
    for each in _with_below(db, run_id):
        done = db.execute(
            "UPDATE runs SET status = 'suspended' WHERE id = ? AND status = 'running'", (each,)
        )
        if done.rowcount:
            history.append(db, each, [Entry("run.suspended", at)])
    return runs.by_id(db, run_id)


def resume(db: sqlite3.Connection, run_id: str, at: float) -> RunRow | None:
    """Let a suspended run, and those it awaits, go on."""
    for each in _with_below(db, run_id):
        done = db.execute(
            "UPDATE runs SET status = 'running' WHERE id = ? AND status = 'suspended'", (each,)
        )
        if done.rowcount:
            _resume(db, each, at)
    return runs.by_id(db, run_id)


def _with_below(db: sqlite3.Connection, run_id: str) -> list[str]:
    """Return a run and those below that it awaits; none where it has ended."""
    run = runs.by_id(db, run_id)
    if run is None or run.status in ENDED:
        return []
    return [run_id, *kin.below(db, kin.BELOW_RUN, run_id)]


def _resume(db: sqlite3.Connection, run_id: str, at: float) -> None:
    """Make everything due that a run has out; the pause counts for none of its timers."""
    db.execute(
        "UPDATE tasks SET due_at = due_at + ?2 - (SELECT max(at) FROM history WHERE run = ?1 "
        "AND kind = 'run.suspended') WHERE run = ?1 AND state IN ('waiting', 'retrying')",
        (run_id, at),
    )
    db.execute(
        "UPDATE tasks SET due_at = ? WHERE run = ? "
        "AND state IN ('requested', 'recorded', 'starting')",
        (at, run_id),
    )
    history.append(db, run_id, [Entry("run.resumed", at)])
