"""The outbox in PostgreSQL; each function is one transaction's work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.host.ledger.rows.outbox import Outgoing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.host.ledger.postgres.connections import Database


async def post(db: Database, run_id: str, events: Sequence[Outgoing], at: float) -> None:
    """Put events into the outbox."""
    if events:
        await db.cursor().executemany(
            "INSERT INTO outbox (id, run, event, stored_at) VALUES (%s, %s, %s, %s) "
            "ON CONFLICT DO NOTHING",
            [(event.id, run_id, event.event, at) for event in events],
        )


async def waiting(db: Database, run_id: str | None, before: float, limit: int) -> list[Outgoing]:
    """Return what the broker does not have yet."""
    found = await db.execute(
        "SELECT id, event FROM outbox WHERE (%(run)s::text IS NULL OR run = %(run)s) "
        "AND stored_at <= %(before)s ORDER BY stored_at, id LIMIT %(limit)s",
        {"run": run_id, "before": before, "limit": limit},
    )
    return [Outgoing(*row) for row in await found.fetchall()]


async def sent(db: Database, ids: Sequence[str]) -> None:
    """Forget what the broker has; locked in one order, so that two hosts never embrace."""
    await db.execute(
        "DELETE FROM outbox WHERE id IN "
        "(SELECT id FROM outbox WHERE id = ANY(%s) ORDER BY id FOR UPDATE)",
        (list(ids),),
    )
