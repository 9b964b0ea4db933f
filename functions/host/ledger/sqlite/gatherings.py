"""Sets of events that start a run together, in SQLite; each function is one transaction's work.

An event of `all` waits in the inbox for the others of its set; what is in a set is `used`. Events
of `any` with `until` are kept apart, for as long as it takes; the inbox knows them again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from functions.host.ledger.gathering import gathered
from functions.host.ledger.parcels import GONE, member_name
from functions.host.ledger.rows.gathering import Gathered, Tally, Waiting
from functions.host.ledger.sqlite import parcels
from functions.host.ledger.unavailable import LedgerUnavailable

if TYPE_CHECKING:
    import sqlite3

    from functions.host.ledger.rows.gathering import Look, Part
    from functions.host.ledger.rows.listen import Arrival


def gather(db: sqlite3.Connection, part: Part, at: float) -> Gathered | None:
    """Make the events that correlate a set, if there is one for each filter."""
    shapes = [f"{part.digest}/{number}" for number in range(part.of)]
    waiting = [
        db.execute(
            "SELECT event, outcome FROM inbox WHERE shape = ? AND correlation = ? AND used = 0 "
            "ORDER BY at, event LIMIT ?",
            (shape, part.correlation, part.of),
        ).fetchall()
        for shape in shapes
    ]
    made = gathered(part.digest, waiting)
    if made is None:
        return None
    for outcome in made.outcomes:
        parcels.hold(db, outcome, [made.id])  # which the inbox does: it is there
    db.executemany(
        "UPDATE inbox SET used = 1 WHERE event = ? AND shape = ?",
        [(event, shape) for event in made.events for shape in shapes],
    )
    _keep(db, made, at)
    return made


def _keep(db: sqlite3.Connection, made: Gathered, at: float) -> None:
    db.execute(
        "INSERT INTO gathered VALUES (?, ?, ?, ?)",
        (made.id, made.digest, orjson.dumps(made.outcomes).decode(), at),
    )


def join(db: sqlite3.Connection, arrival: Arrival) -> None:
    """Add an event to its gatherings, unless it was in them before."""
    for each in arrival.members:
        key = each.digest, each.correlation
        new = db.execute(
            "INSERT OR IGNORE INTO inbox VALUES (?, ?, ?, ?, ?, 1)",
            (arrival.event, *key, arrival.outcome, arrival.at),
        )
        if new.rowcount:
            holder = member_name(*key, arrival.event)
            if not parcels.hold(db, arrival.outcome, [holder]):
                raise LedgerUnavailable(GONE)
            db.execute(
                "INSERT OR IGNORE INTO gathering SELECT ?1, ?2, ?3, 1 + coalesce(max(number), 0), "
                "?4, ?5, ?6, 0 FROM gathering WHERE digest = ?1 AND correlation = ?2",
                (
                    *key,
                    arrival.event,
                    orjson.dumps(each.filters).decode(),
                    arrival.outcome,
                    arrival.at,
                ),
            )


def members(db: sqlite3.Connection, digest: str, correlation: str) -> list[Waiting]:
    """Return a gathering."""
    rows = db.execute(
        "SELECT event, outcome, filters, looked FROM gathering "
        "WHERE digest = ? AND correlation = ? ORDER BY number",
        (digest, correlation),
    )
    return [
        Waiting(event, outcome, tuple(orjson.loads(filters)), bool(looked))
        for event, outcome, filters, looked in rows.fetchall()
    ]


def tally(db: sqlite3.Connection, digest: str) -> Tally:
    """Count what a version has gathered."""
    row = db.execute(
        "SELECT count(*), count(DISTINCT correlation), min(at) FROM gathering WHERE digest = ?",
        (digest,),
    ).fetchone()
    return Tally(*row)


def unlooked(db: sqlite3.Connection, before: float) -> list[tuple[str, str]]:
    """Return gatherings that somebody has to look at."""
    rows = db.execute(
        "SELECT DISTINCT digest, correlation FROM gathering WHERE looked = 0 AND at < ?", (before,)
    )
    return [(digest, correlation) for digest, correlation in rows.fetchall()]


def note(db: sqlite3.Connection, look: Look) -> bool:
    """Compare and set."""
    key = look.digest, look.correlation
    own = "digest = ? AND correlation = ?"
    there = {
        row[0]
        for row in db.execute(f"SELECT event FROM gathering WHERE {own}", key)  # noqa: S608
    }
    if not there.issuperset(look.events):
        return False
    if not look.spent:
        db.executemany(
            "UPDATE gathering SET looked = EXISTS "  # noqa: S608
            "(SELECT 1 FROM flows f WHERE f.digest = gathering.digest AND f.newest = 1) "
            f"WHERE {own} AND event = ?",
            [(*key, event) for event in look.events],
        )
        return True
    db.executemany(
        f"DELETE FROM gathering WHERE {own} AND event = ?",  # noqa: S608
        [(*key, event) for event in look.spent],
    )
    db.execute(f"UPDATE gathering SET looked = 0 WHERE {own}", key)  # noqa: S608
    if look.made:
        for outcome in look.made.outcomes:
            parcels.hold(db, outcome, [look.made.id])  # which those that are spent do
        _keep(db, look.made, look.at)
    parcels.release(db, [member_name(*key, event) for event in look.spent])
    return True


def waiting(db: sqlite3.Connection, before: float) -> list[Gathered]:
    """Return the sets whose run was not started."""
    rows = db.execute("SELECT id, digest, outcomes FROM gathered WHERE at < ?", (before,))
    return [
        Gathered(name, digest, tuple(orjson.loads(outcomes)))
        for name, digest, outcomes in rows.fetchall()
    ]


def started(db: sqlite3.Connection, name: str) -> None:
    """Forget a set."""
    db.execute("DELETE FROM gathered WHERE id = ?", (name,))
    parcels.release(db, [name])
