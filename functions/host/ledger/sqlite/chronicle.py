"""The histories of all runs as one, in SQLite; each function is one transaction's work.

A place is a position: the number of a line, in the order in which lines were committed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from functions.host.ledger.rows.history import Bookmark, Entry, Line

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence


def bookmark(db: sqlite3.Connection, reader: str) -> Bookmark | None:
    """Return a reader's bookmark."""
    row = db.execute(
        "SELECT place, holder, until FROM bookmarks WHERE reader = ?", (reader,)
    ).fetchone()
    return Bookmark(*row) if row else None


def begin(db: sqlite3.Connection, reader: str) -> Bookmark:
    """Put a reader's first bookmark at the end; return the one that there is."""
    db.execute("INSERT OR IGNORE INTO bookmarks VALUES (?, ?, '', 0)", (reader, str(_end(db))))
    found = bookmark(db, reader)
    assert found
    return found


def mark(db: sqlite3.Connection, reader: str, seen: Bookmark, to: Bookmark | None) -> bool:
    """Compare and set, or delete."""
    where = "WHERE reader = ? AND place = ? AND holder = ? AND until = ?"
    key = (reader, seen.place, seen.holder, seen.until)
    if to is None:
        return db.execute(f"DELETE FROM bookmarks {where}", key).rowcount == 1  # noqa: S608
    done = db.execute(
        f"UPDATE bookmarks SET place = ?, holder = ?, until = ? {where}",  # noqa: S608 - constant
        (to.place, to.holder, to.until, *key),
    )
    return done.rowcount == 1


def lines(
    db: sqlite3.Connection, after: str, kinds: Sequence[str], limit: int
) -> tuple[list[Line], str]:
    """Return lines in their order."""
    end = _end(db)
    rows = db.execute(  # CROSS: in this order, so that nothing is sorted
        "SELECT h.position, h.run, r.namespace, r.name, r.version, r.trace, "
        "CASE h.kind WHEN 'run.completed' THEN r.output END, "
        "h.seq, h.kind, h.at, h.reference, h.instance, h.detail "
        "FROM history h CROSS JOIN runs r ON r.id = h.run "
        "WHERE h.position > ? AND h.position <= ? "
        "AND h.kind IN (SELECT value FROM json_each(?)) ORDER BY h.position LIMIT ?",
        (int(after), end, orjson.dumps(list(kinds)).decode(), limit),
    ).fetchall()
    return [_line(row) for row in rows], str(rows[-1][0] if len(rows) == limit else end)


def _line(row: Sequence[Any]) -> Line:
    _, run, namespace, name, version, trace, output, seq, *said = row
    kind, at, reference, instance, detail = said
    entry = Entry(kind, at, reference, instance, orjson.loads(detail))
    return Line(run, namespace, name, version, trace, output, seq, entry)


def _end(db: sqlite3.Connection) -> int:
    # not max(position): lines may have been pruned
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'history'").fetchone()
    return int(row[0]) if row else 0
