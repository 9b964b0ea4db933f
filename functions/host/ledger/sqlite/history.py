"""The history of a run in SQLite; each function is one transaction's work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from functions.host.ledger.rows.history import Entry

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

_COLUMNS_OF_A_ROW = ", ".join(f"json_extract(value, '$[{i}]')" for i in range(5))


def append(db: sqlite3.Connection, run_id: str, entries: Sequence[Entry]) -> None:
    """Number and store history entries.

    One statement however many entries: each one more costs this thread its turn.
    """
    rows = [(e.kind, e.at, e.reference, e.instance, _json(e.detail)) for e in entries]
    db.execute(
        "INSERT INTO history (run, seq, kind, at, reference, instance, detail) SELECT ?1, "  # noqa: S608 - constant
        "key + 1 + (SELECT coalesce(max(seq), 0) FROM history WHERE run = ?1), "
        f"{_COLUMNS_OF_A_ROW} FROM json_each(?2)",
        (run_id, _json(rows)),
    )


def read(db: sqlite3.Connection, run_id: str, after: int) -> list[tuple[int, Entry]]:
    """Return numbered entries."""
    rows = db.execute(
        "SELECT seq, kind, at, reference, instance, detail FROM history "
        "WHERE run = ? AND seq > ? ORDER BY seq",
        (run_id, after),
    ).fetchall()
    return [
        (seq, Entry(kind, at, task, instance, orjson.loads(text)))
        for seq, kind, at, task, instance, text in rows
    ]


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
