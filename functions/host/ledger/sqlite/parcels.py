"""Parcels and who holds them, in SQLite; each is one transaction's work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.host.ledger.parcels import parcel_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence


def announce(db: sqlite3.Connection, parcel: str, at: float) -> None:
    """Note a parcel that is about to be stored."""
    db.execute("INSERT INTO parcels VALUES (?, ?, 0)", (parcel, at))


def hold(db: sqlite3.Connection, outcome: str, holders: Iterable[str]) -> bool:
    """Have some hold what an outcome refers to; False where it was given up."""
    parcel = parcel_of(outcome)
    if parcel is None:
        return True
    found = db.execute("SELECT given_up FROM parcels WHERE parcel = ?", (parcel,)).fetchone()
    if found is None or found[0]:
        return False
    db.executemany(
        "INSERT OR IGNORE INTO holders VALUES (?, ?)", [(holder, parcel) for holder in holders]
    )
    return True


def release(db: sqlite3.Connection, holders: Sequence[str]) -> None:
    """Let go of all that some hold."""
    db.executemany("DELETE FROM holders WHERE holder = ?", [(holder,) for holder in holders])


def give_up(db: sqlite3.Connection, run_id: str, at: float) -> None:
    """Note that a run's objects are to be deleted."""
    db.execute("INSERT OR IGNORE INTO parcels VALUES (?, ?, 1)", (run_id, at))


def unheld(db: sqlite3.Connection, before: float, limit: int) -> list[str]:
    """Give up what nobody holds; return what is to be deleted."""
    db.execute(
        "UPDATE parcels SET given_up = 1 WHERE parcel IN (SELECT p.parcel FROM parcels p "
        "WHERE p.at < ? AND p.given_up = 0 "
        "AND NOT EXISTS (SELECT 1 FROM holders h WHERE h.parcel = p.parcel) LIMIT ?)",
        (before, limit),
    )
    rows = db.execute("SELECT parcel FROM parcels WHERE given_up = 1 LIMIT ?", (limit,))
    return [row[0] for row in rows.fetchall()]


def deleted(db: sqlite3.Connection, parcels: Sequence[str]) -> None:
    """Forget what was given up."""
    db.executemany(
        "DELETE FROM parcels WHERE parcel = ? AND given_up = 1", [(parcel,) for parcel in parcels]
    )
