"""How runs that ended leave the ledger on PostgreSQL; each function is one transaction's work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from functions.host.ledger.postgres import parcels, runs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.host.ledger.postgres.connections import Database

_DONE_WITH: Final = (
    "ended_at <= %s AND NOT archived "
    "AND NOT EXISTS (SELECT 1 FROM letters l WHERE l.run = runs.id AND l.status = 'open') "
    "AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.run = runs.id) "
    "AND NOT EXISTS (SELECT 1 FROM runs child WHERE child.parent = runs.id AND NOT child.archived) "
    "AND NOT EXISTS (SELECT 1 FROM runs heir WHERE heir.origin = runs.id AND NOT heir.archived)"
)
"""What is said of a run that nothing can happen to any more; its end is the parameter."""
_HEARD: Final = (
    "UPDATE inbox SET used = true WHERE event IN (SELECT event FROM consumed WHERE run = %s) "
    "AND shape IN (SELECT shape FROM shapes)"
)
"""Notes with an event itself that it was heard, where nobody waits for it as one of a set."""
_DETAILS: Final = (
    "tasks", "scopes", "parts", "forks", "history", "letters", "subscriptions", "consumed",
    "reservations", "assignees",
)  # fmt: skip


async def done_with(db: Database, before: float, limit: int) -> list[str]:
    """Return runs that may be archived."""
    found = await db.execute(
        f"SELECT id FROM runs WHERE {_DONE_WITH} ORDER BY ended_at LIMIT %s",  # noqa: S608
        (before, limit),
    )
    return [row[0] for row in await found.fetchall()]


async def archive(db: Database, run_id: str, before: float) -> bool:
    """Keep the run's row alone."""
    await runs.hold(db, run_id)
    done = await db.execute(
        f"UPDATE runs SET archived = true, input = 'null', output = NULL WHERE {_DONE_WITH} "  # noqa: S608
        "AND id = %s RETURNING 1",
        (before, run_id),
    )
    kept = await done.fetchone() is not None
    if kept:
        await db.execute(_HEARD, (run_id,))
        await parcels.release(db, [run_id])
        await parcels.give_up(db, run_id, before)
        for table in _DETAILS:
            await db.execute(f"DELETE FROM {table} WHERE run = %s", (run_id,))  # noqa: S608
    return kept


async def archived(db: Database, before: float, limit: int) -> list[str]:
    """Return archived runs."""
    found = await db.execute(
        "SELECT id FROM runs WHERE archived AND ended_at <= %s ORDER BY ended_at LIMIT %s",
        (before, limit),
    )
    return [row[0] for row in await found.fetchall()]


async def erase(db: Database, run_ids: Sequence[str]) -> None:
    """Delete the rows of archived runs, and their budgets."""
    ids = list(run_ids)
    await db.execute(
        "DELETE FROM budgets b USING runs r WHERE r.id = b.run AND r.archived AND r.id = ANY(%s)",
        (ids,),
    )
    await db.execute("DELETE FROM runs WHERE archived AND id = ANY(%s)", (ids,))
