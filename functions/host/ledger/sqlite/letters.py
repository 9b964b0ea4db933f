"""Dead letters and unmatched events in SQLite; each function is one transaction's work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from functions.host.ledger.parcels import GONE
from functions.host.ledger.rows.letter import Letter, LetterStatus
from functions.host.ledger.sqlite import parcels
from functions.host.ledger.unavailable import LedgerUnavailable

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

_COLUMNS = 'id, status, reason, code, stored_at, "trigger", event, run, instance, tool, flow'


def add(db: sqlite3.Connection, letter: Letter) -> None:
    """Store a letter; a redriven task that fails again reopens its own."""
    added = db.execute(
        f"INSERT OR IGNORE INTO letters ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        (
            letter.id,
            letter.status,
            letter.reason,
            letter.code,
            letter.stored_at,
            letter.trigger,
            orjson.dumps(letter.event).decode(),
            letter.run,
            letter.instance,
            letter.tool,
            letter.flow,
        ),
    )
    ref = letter.event.get("dataref")
    if ref and added.rowcount and not parcels.hold(db, f"@{ref}", [letter.id]):
        raise LedgerUnavailable(GONE)


def settle(db: sqlite3.Connection, letter: Letter) -> None:
    """Store a letter that a run's own step decides on; one that the broker's brought is moved."""
    add(db, letter)
    db.execute(
        "UPDATE letters SET status = ? WHERE id = ? AND status IN ('open', 'caught')",
        (letter.status, letter.id),
    )


def by_id(db: sqlite3.Connection, letter_id: str) -> Letter | None:
    """Return a letter."""
    row = db.execute(f"SELECT {_COLUMNS} FROM letters WHERE id = ?", (letter_id,)).fetchone()  # noqa: S608
    return _read(row) if row else None


def listed(
    db: sqlite3.Connection,
    status: LetterStatus | None,
    flow: str | None,
    tool: str | None,
    reason: str | None,
    limit: int,
) -> list[Letter]:
    """Return letters, the newest first."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM letters WHERE (?1 IS NULL OR status = ?1) "  # noqa: S608
        "AND (?2 IS NULL OR flow = ?2 OR flow LIKE ?2 || ':%') AND (?3 IS NULL OR tool = ?3) "
        "AND (?4 IS NULL OR instr(reason, ?4) > 0) ORDER BY stored_at DESC LIMIT ?5",
        (status, flow, tool, reason, limit),
    ).fetchall()
    return [_read(row) for row in rows]


def mark(
    db: sqlite3.Connection, letter_id: str, expected: LetterStatus, status: LetterStatus
) -> bool:
    """Compare and set the status."""
    done = db.execute(
        "UPDATE letters SET status = ? WHERE id = ? AND status = ?", (status, letter_id, expected)
    )
    return done.rowcount == 1


def _read(row: Sequence[Any]) -> Letter:
    values = list(row)
    values[1] = LetterStatus(values[1])
    values[6] = orjson.loads(values[6])
    return Letter(*values)


def add_unmatched(db: sqlite3.Connection, event_id: str, event: str, at: float, keep: int) -> None:
    """Keep an event, prune the oldest."""
    db.execute("INSERT OR IGNORE INTO unmatched VALUES (?, ?, ?)", (event_id, event, at))
    db.execute(
        "DELETE FROM unmatched WHERE at < (SELECT at FROM unmatched ORDER BY at DESC "
        "LIMIT 1 OFFSET ?)",
        (keep - 1,),
    )


def unmatched(db: sqlite3.Connection, limit: int) -> list[str]:
    """Return kept events, the newest first."""
    rows = db.execute("SELECT event FROM unmatched ORDER BY at DESC LIMIT ?", (limit,))
    return [row[0] for row in rows.fetchall()]
