"""What lies beside scope states in SQLite; each function is part of one transaction's work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from functions.host.ledger.rows.transition import Transition


def swap(db: sqlite3.Connection, step: Transition) -> None:
    """Write what is new of a state, and delete what it has no longer."""
    if step.drops:
        db.execute(
            "DELETE FROM parts WHERE run = ? AND scope = ? "
            "AND digest IN (SELECT value FROM json_each(?))",
            (step.run, step.scope, orjson.dumps(step.drops).decode()),
        )
    if step.keeps:
        db.executemany(
            "INSERT OR IGNORE INTO parts VALUES (?, ?, ?, ?)",
            [(step.run, step.scope, *each) for each in step.keeps],
        )


def read(db: sqlite3.Connection, run_id: str, scope: str, digests: Sequence[str]) -> dict[str, str]:
    """Return parts by their digests."""
    rows = db.execute(
        "SELECT digest, value FROM parts WHERE run = ? AND scope = ? "
        "AND digest IN (SELECT value FROM json_each(?))",
        (run_id, scope, orjson.dumps(list(digests)).decode()),
    )
    return dict(rows.fetchall())
