"""What lies beside scope states in PostgreSQL; each function is part of one transaction's work."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.host.ledger.postgres.connections import Database
    from functions.host.ledger.rows.transition import Transition


async def swap(db: Database, step: Transition) -> None:
    """Write what is new of a state, and delete what it has no longer."""
    if step.drops:
        await db.execute(
            "DELETE FROM parts WHERE run = %s AND scope = %s AND digest = ANY(%s)",
            (step.run, step.scope, list(step.drops)),
        )
    if step.keeps:
        await db.cursor().executemany(
            "INSERT INTO parts (run, scope, digest, value) VALUES (%s, %s, %s, %s) "
            "ON CONFLICT DO NOTHING",
            [(step.run, step.scope, *each) for each in step.keeps],
        )


async def read(db: Database, run_id: str, scope: str, digests: Sequence[str]) -> dict[str, str]:
    """Return parts by their digests."""
    found = await db.execute(
        "SELECT digest, value FROM parts WHERE run = %s AND scope = %s AND digest = ANY(%s)",
        (run_id, scope, list(digests)),
    )
    return dict(await found.fetchall())
