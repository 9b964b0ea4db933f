"""The outbox in SQLite; each function is one transaction's work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.host.ledger.rows.outbox import Outgoing

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence


def post(db: sqlite3.Connection, run_id: str, events: Sequence[Outgoing], at: float) -> None:
    """Put events into the outbox."""
    if events:
        db.executemany(
            "INSERT OR IGNORE INTO outbox VALUES (?, ?, ?, ?)",
            [(event.id, run_id, event.event, at) for event in events],
        )


def waiting(
    db: sqlite3.Connection, run_id: str | None, before: float, limit: int
) -> list[Outgoing]:
    """Return what the broker does not have yet."""
    rows = db.execute(
        "SELECT id, event FROM outbox WHERE (?1 IS NULL OR run = ?1) AND stored_at <= ?2 "
        "ORDER BY stored_at LIMIT ?3",
        (run_id, before, limit),
    )
    return [Outgoing(*row) for row in rows.fetchall()]


def sent(db: sqlite3.Connection, ids: Sequence[str]) -> None:
    """Forget what the broker has."""
    db.executemany("DELETE FROM outbox WHERE id = ?", [(event_id,) for event_id in ids])
