"""The histories of all runs as one, in PostgreSQL; each function is one transaction's work.

Transactions commit in another order than their lines were numbered in. So lines are ordered by
the transaction that wrote them, and read no further than to the oldest that is still under way:
all before it have ended, and none will be added there. A place is `transaction/position`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from functions.host.ledger.rows.history import Bookmark, Entry, Line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.host.ledger.postgres.connections import Database

_START: Final = "0/0"
_AT: Final = "WHERE reader = %s AND place = %s AND holder = %s AND until = %s RETURNING 1"


async def bookmark(db: Database, reader: str) -> Bookmark | None:
    """Return a reader's bookmark."""
    found = await db.execute(
        "SELECT place, holder, until FROM bookmarks WHERE reader = %s", (reader,)
    )
    row = await found.fetchone()
    return Bookmark(*row) if row else None


async def begin(db: Database, reader: str) -> Bookmark:
    """Put a reader's first bookmark at the end; return the one that there is."""
    await db.execute(
        "INSERT INTO bookmarks (reader, place, holder, until) VALUES (%s, %s, '', 0) "
        "ON CONFLICT DO NOTHING",
        (reader, await _end(db)),
    )
    found = await bookmark(db, reader)
    assert found
    return found


async def mark(db: Database, reader: str, seen: Bookmark, to: Bookmark | None) -> bool:
    """Compare and set, or delete."""
    key = (reader, seen.place, seen.holder, seen.until)
    if to is None:
        done = await db.execute(f"DELETE FROM bookmarks {_AT}", key)  # noqa: S608 - constant
    else:
        done = await db.execute(
            f"UPDATE bookmarks SET place = %s, holder = %s, until = %s {_AT}",  # noqa: S608
            (to.place, to.holder, to.until, *key),
        )
    return await done.fetchone() is not None


async def lines(
    db: Database, after: str, kinds: Sequence[str], limit: int
) -> tuple[list[Line], str]:
    """Return lines in their order."""
    end = await _end(db)
    found = await db.execute(
        "SELECT h.xid::text || '/' || h.position, h.run, r.namespace, r.name, r.version, r.trace, "
        "CASE h.kind WHEN 'run.completed' THEN r.output END, "
        "h.seq, h.kind, h.at, h.reference, h.instance, h.detail "
        "FROM history h JOIN runs r ON r.id = h.run "
        "WHERE (h.xid, h.position) > (%s::text::xid8, %s) "
        "AND (h.xid, h.position) <= (%s::text::xid8, %s) "
        "AND h.kind = ANY(%s) ORDER BY h.xid, h.position LIMIT %s",
        (*_parts(after), *_parts(end), list(kinds), limit),
    )
    rows = await found.fetchall()
    return [_line(row) for row in rows], rows[-1][0] if len(rows) == limit else end


def _line(row: Sequence[Any]) -> Line:
    _, run, namespace, name, version, trace, output, seq, *said = row
    kind, at, reference, instance, detail = said
    entry = Entry(kind, at, reference, instance, detail)
    return Line(run, namespace, name, version, trace, output, seq, entry)


async def _end(db: Database) -> str:
    found = await db.execute(
        "SELECT xid::text || '/' || position FROM history "
        "WHERE xid < pg_snapshot_xmin(pg_current_snapshot()) "
        "ORDER BY xid DESC, position DESC LIMIT 1"
    )
    row = await found.fetchone()
    return row[0] if row else _START


def _parts(place: str) -> tuple[str, int]:
    transaction, _, position = place.partition("/")
    return transaction, int(position)
