"""Parcels and who holds them, in PostgreSQL; each one transaction's work.

Who holds a parcel shares its row, who gives it up locks it: one sees what the other did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from functions.host.ledger.parcels import parcel_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from functions.host.ledger.postgres.connections import Database

_UNHELD: Final = "NOT EXISTS (SELECT 1 FROM holders h WHERE h.parcel = p.parcel)"


async def announce(db: Database, parcel: str, at: float) -> None:
    """Note a parcel that is about to be stored."""
    await db.execute("INSERT INTO parcels (parcel, at) VALUES (%s, %s)", (parcel, at))


async def hold(db: Database, outcome: str, holders: Iterable[str]) -> bool:
    """Have some hold what an outcome refers to; False where it was given up."""
    parcel = parcel_of(outcome)
    if parcel is None:
        return True
    found = await db.execute(
        "SELECT 1 FROM parcels WHERE parcel = %s AND NOT given_up FOR SHARE", (parcel,)
    )
    if await found.fetchone() is None:
        return False
    await db.execute(
        "INSERT INTO holders (holder, parcel) SELECT each, %s FROM unnest(%s::text[]) AS each "
        "ON CONFLICT DO NOTHING",
        (parcel, sorted(set(holders))),
    )
    return True


async def release(db: Database, holders: Sequence[str]) -> None:
    """Let go of all that some hold."""
    await db.execute("DELETE FROM holders WHERE holder = ANY(%s)", (list(holders),))


async def give_up(db: Database, run_id: str, at: float) -> None:
    """Note that a run's objects are to be deleted."""
    await db.execute(
        "INSERT INTO parcels (parcel, at, given_up) VALUES (%s, %s, true) ON CONFLICT DO NOTHING",
        (run_id, at),
    )


async def unheld(db: Database, before: float, limit: int) -> list[str]:
    """Give up what nobody holds; return what is to be deleted.

    Whether anybody does is looked at again once the rows are locked: a statement sees what was
    committed before it began.
    """
    locked = await db.execute(
        f"SELECT parcel FROM parcels p WHERE at < %s AND NOT given_up AND {_UNHELD} "  # noqa: S608
        "ORDER BY parcel LIMIT %s FOR UPDATE",
        (before, limit),
    )
    await db.execute(
        f"UPDATE parcels p SET given_up = true WHERE parcel = ANY(%s) AND {_UNHELD}",  # noqa: S608
        ([row[0] for row in await locked.fetchall()],),
    )
    found = await db.execute("SELECT parcel FROM parcels WHERE given_up LIMIT %s", (limit,))
    return [row[0] for row in await found.fetchall()]


async def deleted(db: Database, parcels: Sequence[str]) -> None:
    """Forget what was given up."""
    await db.execute("DELETE FROM parcels WHERE parcel = ANY(%s) AND given_up", (list(parcels),))
