"""Dead letters and unmatched events in PostgreSQL; each function is one transaction's work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from functions.host.ledger.parcels import GONE
from functions.host.ledger.postgres import parcels
from functions.host.ledger.rows.letter import Letter, LetterStatus
from functions.host.ledger.unavailable import LedgerUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.host.ledger.postgres.connections import Database

_COLUMNS: Final = 'id, status, reason, code, stored_at, "trigger", event, run, instance, tool, flow'


async def add(db: Database, letter: Letter) -> None:
    """Store a letter; one with the same id stays as it is."""
    added = await db.execute(
        f"INSERT INTO letters ({_COLUMNS}) "  # noqa: S608 - constant
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING 1",
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
    if ref and await added.fetchone() and not await parcels.hold(db, f"@{ref}", [letter.id]):
        raise LedgerUnavailable(GONE)


async def settle(db: Database, letter: Letter) -> None:
    """Store a letter that a run's own step decides on; one that the broker's brought is moved."""
    await add(db, letter)
    await db.execute(
        "UPDATE letters SET status = %s WHERE id = %s AND status IN ('open', 'caught')",
        (letter.status, letter.id),
    )


async def by_id(db: Database, letter_id: str) -> Letter | None:
    """Return a letter."""
    found = await db.execute(f"SELECT {_COLUMNS} FROM letters WHERE id = %s", (letter_id,))  # noqa: S608
    row = await found.fetchone()
    return _read(row) if row else None


async def listed(
    db: Database,
    status: LetterStatus | None,
    flow: str | None,
    tool: str | None,
    reason: str | None,
    limit: int,
) -> list[Letter]:
    """Return letters, the newest first."""
    found = await db.execute(
        f"SELECT {_COLUMNS} FROM letters "  # noqa: S608 - constant
        "WHERE (%(status)s::text IS NULL OR status = %(status)s) "
        "AND (%(flow)s::text IS NULL OR flow = %(flow)s OR starts_with(flow, %(flow)s || ':')) "
        "AND (%(tool)s::text IS NULL OR tool = %(tool)s) "
        "AND (%(reason)s::text IS NULL OR strpos(reason, %(reason)s) > 0) "
        "ORDER BY stored_at DESC, id LIMIT %(limit)s",
        {"status": status, "flow": flow, "tool": tool, "reason": reason, "limit": limit},
    )
    return [_read(row) for row in await found.fetchall()]


async def mark(db: Database, letter_id: str, expected: LetterStatus, status: LetterStatus) -> bool:
    """Compare and set the status."""
    done = await db.execute(
        "UPDATE letters SET status = %s WHERE id = %s AND status = %s RETURNING 1",
        (status, letter_id, expected),
    )
    return await done.fetchone() is not None


def _read(row: Sequence[Any]) -> Letter:
    values = list(row)
    values[1] = LetterStatus(values[1])
    return Letter(*values)


async def add_unmatched(db: Database, event_id: str, event: str, at: float, keep: int) -> None:
    """Keep an event, prune the oldest; what another host prunes at this moment is left to it."""
    await db.execute(
        "INSERT INTO unmatched (id, event, at) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        (event_id, event, at),
    )
    await db.execute(
        "DELETE FROM unmatched WHERE id IN (SELECT id FROM unmatched WHERE at < "
        "(SELECT at FROM unmatched ORDER BY at DESC LIMIT 1 OFFSET %s) FOR UPDATE SKIP LOCKED)",
        (keep - 1,),
    )


async def unmatched(db: Database, limit: int) -> list[str]:
    """Return kept events, the newest first."""
    found = await db.execute("SELECT event FROM unmatched ORDER BY at DESC LIMIT %s", (limit,))
    return [row[0] for row in await found.fetchall()]
