"""Runs, scopes and transitions in SQLite; each function is one transaction's work."""

from __future__ import annotations

from dataclasses import astuple
from typing import TYPE_CHECKING, Any

import orjson

from functions.host.ledger.rows.run import RunRow, RunStatus
from functions.host.ledger.sqlite import (
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
from functions.host.ledger.sqlite.schema import RUN

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from functions.host.ledger.rows.transition import Transition

COLUMNS = ", ".join(RUN)
_AWAITED, _ARCHIVED = RUN.index("awaited"), RUN.index("archived")


def read(row: Sequence[Any]) -> RunRow:
    """Build a run from its columns."""
    values = list(row)
    values[6] = RunStatus(values[6])
    values[9] = orjson.loads(values[9]) if values[9] else None
    values[_AWAITED], values[_ARCHIVED] = bool(values[_AWAITED]), bool(values[_ARCHIVED])
    return RunRow(*values)


def by_id(db: sqlite3.Connection, run_id: str) -> RunRow | None:
    """Return a run."""
    row = db.execute(f"SELECT {COLUMNS} FROM runs WHERE id = ?", (run_id,)).fetchone()  # noqa: S608
    return read(row) if row else None


def children(db: sqlite3.Connection, run_id: str) -> list[RunRow]:
    """Return the runs that a run started."""
    rows = db.execute(
        f"SELECT {COLUMNS} FROM runs WHERE parent = ? ORDER BY started_at, id",  # noqa: S608
        (run_id,),
    ).fetchall()
    return [read(row) for row in rows]


def ended(db: sqlite3.Connection, run_ids: Sequence[str]) -> list[str]:
    """Return the runs that ended."""
    rows = db.execute(
        "SELECT runs.id FROM runs JOIN json_each(?) ON runs.id = value "
        "WHERE status IN ('completed', 'faulted', 'cancelled')",
        (_json(list(run_ids)),),
    )
    return [row[0] for row in rows.fetchall()]


def scope(db: sqlite3.Connection, run_id: str, name: str) -> tuple[str, int]:
    """Return a scope's packed state and revision; nothing of one that is gone or stands still."""
    row = db.execute(
        "SELECT state, rev FROM scopes WHERE run = ? AND scope = ? AND rev >= 0",
        (run_id, name),
    ).fetchone()
    return (row[0], row[1]) if row else ("", 0)


def outputs(db: sqlite3.Connection, run_id: str, fork: str) -> list[str]:
    """Return what the branches of a fork gave."""
    rows = db.execute(
        "SELECT output FROM scopes WHERE run = ? AND fork = ? ORDER BY number", (run_id, fork)
    )
    return [row[0] for row in rows.fetchall()]


def shared(db: sqlite3.Connection, run_id: str, fork: str) -> str:
    """Return what the branches of a fork share; of one that is over, nothing."""
    row = db.execute("SELECT shared FROM forks WHERE run = ? AND fork = ?", (run_id, fork))
    found = row.fetchone()
    return (found and found[0]) or "null"


def open_run(db: sqlite3.Connection, run: RunRow, first: Transition) -> tuple[RunRow, bool]:
    """Insert a run and its first transition, or return the one that has the id already."""
    known = by_id(db, run.id)
    if known:
        return known, False
    values = list(astuple(run))
    values[9] = orjson.dumps(run.error).decode() if run.error else None
    db.execute(
        f"INSERT INTO runs ({COLUMNS}) VALUES ({', '.join('?' * len(values))})",  # noqa: S608
        values,
    )
    db.execute(
        "INSERT INTO scopes (run, scope, state, rev) VALUES (?, ?, '', 0)", (run.id, first.scope)
    )
    _apply(db, first)
    return by_id(db, run.id) or run, True


def transit(db: sqlite3.Connection, step: Transition) -> bool:
    """Compare and set: scope revision, run status and the closing task's token must stand."""
    stands = _stands(db, step) if step.closes is None else tasks.close(db, step)
    if stands:
        _apply(db, step)
    return stands


def _stands(db: sqlite3.Connection, step: Transition) -> bool:
    found = db.execute(
        "SELECT 1 FROM scopes s JOIN runs r ON r.id = s.run WHERE s.run = ? AND s.scope = ? "
        "AND s.rev = ? AND r.status = 'running'",
        (step.run, step.scope, step.expected_rev),
    ).fetchone()
    return found is not None


def _apply(db: sqlite3.Connection, step: Transition) -> None:
    if step.ended is not RunStatus.FAULTED:
        # a faulted run keeps the state in which its task was out, and the timers that were set:
        # redrive resumes from there
        if step.join is None or step.join.output is not None:  # a branch that faults keeps its own
            tasks.shut(db, step.run, step.also_closes, step.at)
            for fork, prefix in step.shuts:
                forks.shut(db, step.run, fork, prefix, step.at)
        if step.join is None:
            db.execute(
                "UPDATE scopes SET state = ?, rev = rev + 1 WHERE run = ? AND scope = ?",
                (step.state, step.run, step.scope),
            )
            parts.swap(db, step)
        else:
            step = forks.join(db, step, step.join)
        forks.begin(db, step)
        if step.join is None or step.join.output is not None:
            listens.end(db, step.run, step.deaf)
    listens.begin(db, step)
    approvals.begin(db, step)
    rows = (*step.requests, *step.timers, *step.children, *step.turns)
    tasks.insert(db, rows)
    outbox.post(db, step.run, step.outbox, step.at)
    budgets.account(db, step)
    if step.letter:
        letters.settle(db, step.letter)
    history.append(db, step.run, step.entries)
    if step.ended:
        _end(db, step)
        if step.child_end:
            kin.report_end(db, step.child_end)
    else:
        db.execute("UPDATE runs SET steps = steps + 1 WHERE id = ?", (step.run,))


def _end(db: sqlite3.Connection, step: Transition) -> None:
    db.execute(
        "UPDATE runs SET status = ?, output = ?, error = ?, ended_at = ?, steps = steps + 1 "
        "WHERE id = ?",
        (
            step.ended,
            step.output,
            orjson.dumps(step.error).decode() if step.error else None,
            step.at,
            step.run,
        ),
    )


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
