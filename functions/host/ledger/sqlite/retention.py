"""How runs that ended leave the embedded ledger; each function is one transaction's work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

from functions.host.ledger.sqlite import parcels

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

_DONE_WITH: Final = (
    "ended_at <= ? AND archived = 0 "
    "AND NOT EXISTS (SELECT 1 FROM letters l WHERE l.run = runs.id AND l.status = 'open') "
    "AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.run = runs.id) "
    "AND NOT EXISTS (SELECT 1 FROM runs child WHERE child.parent = runs.id AND child.archived = 0) "
    "AND NOT EXISTS (SELECT 1 FROM runs heir WHERE heir.origin = runs.id AND heir.archived = 0)"
)
"""What is said of a run that nothing can happen to any more; its end is the parameter."""
_HEARD: Final = (
    "UPDATE inbox SET used = 1 WHERE event IN (SELECT event FROM consumed WHERE run = ?) "
    "AND shape IN (SELECT shape FROM shapes)"
)
"""Notes with an event itself that it was heard, where nobody waits for it as one of a set."""
_DETAILS: Final = (
    "tasks", "scopes", "parts", "forks", "history", "letters", "subscriptions", "consumed",
    "reservations", "assignees",
)  # fmt: skip


def done_with(db: sqlite3.Connection, before: float, limit: int) -> list[str]:
    """Return runs that may be archived."""
    rows = db.execute(
        f"SELECT id FROM runs WHERE {_DONE_WITH} ORDER BY ended_at LIMIT ?",  # noqa: S608
        (before, limit),
    )
    return [row[0] for row in rows.fetchall()]


def archive(db: sqlite3.Connection, run_id: str, before: float) -> bool:
    """Keep the run's row alone."""
    done = db.execute(
        f"UPDATE runs SET archived = 1, input = 'null', output = NULL WHERE {_DONE_WITH} "  # noqa: S608
        "AND id = ?",
        (before, run_id),
    )
    if done.rowcount:
        db.execute(_HEARD, (run_id,))
        parcels.release(db, [run_id])
        parcels.give_up(db, run_id, before)
        for table in _DETAILS:
            db.execute(f"DELETE FROM {table} WHERE run = ?", (run_id,))  # noqa: S608 - our own names
    return done.rowcount > 0


def archived(db: sqlite3.Connection, before: float, limit: int) -> list[str]:
    """Return archived runs."""
    rows = db.execute(
        "SELECT id FROM runs WHERE archived = 1 AND ended_at <= ? ORDER BY ended_at LIMIT ?",
        (before, limit),
    )
    return [row[0] for row in rows.fetchall()]


def erase(db: sqlite3.Connection, run_ids: Sequence[str]) -> None:
    """Delete the rows of archived runs, and their budgets."""
    ids = orjson.dumps(list(run_ids)).decode()
    db.execute(
        "DELETE FROM budgets WHERE run IN (SELECT r.id FROM runs r JOIN json_each(?) "
        "ON r.id = value WHERE r.archived = 1)",
        (ids,),
    )
    db.execute(
        "DELETE FROM runs WHERE archived = 1 AND id IN (SELECT value FROM json_each(?))", (ids,)
    )
