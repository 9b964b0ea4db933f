"""Sets of events that start a run together, in PostgreSQL; each is one transaction's work.

An event of `all` waits in the inbox for the others of its set; what is in a set is `used`. Events
of `any` with `until` are kept apart, for as long as it takes; the inbox knows them again. Events
of one flow are received one at a time, so that the last one of a set sees all the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from functions.host.ledger.gathering import gathered
from functions.host.ledger.parcels import GONE, member_name
from functions.host.ledger.postgres import parcels
from functions.host.ledger.postgres.schema import LOCK
from functions.host.ledger.rows.gathering import Gathered, Tally, Waiting
from functions.host.ledger.unavailable import LedgerUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from functions.host.ledger.postgres.connections import Database
    from functions.host.ledger.rows.gathering import Look, Part
    from functions.host.ledger.rows.listen import Arrival


async def hold(db: Database, digests: Iterable[str]) -> None:
    """Wait until nobody else receives events of these flows, or looks at what they gather."""
    for digest in sorted(set(digests)):
        await db.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (LOCK, digest))


async def gather(db: Database, part: Part, at: float) -> Gathered | None:
    """Make the events that correlate a set, if there is one for each filter."""
    shapes = [f"{part.digest}/{number}" for number in range(part.of)]
    waiting = []
    for shape in shapes:
        found = await db.execute(
            "SELECT event, outcome FROM inbox WHERE shape = %s AND correlation = %s "
            "AND NOT used ORDER BY at, event LIMIT %s",
            (shape, part.correlation, part.of),
        )
        waiting.append([(event, outcome) for event, outcome in await found.fetchall()])
    made = gathered(part.digest, waiting)
    if made is None:
        return None
    if not all([await parcels.hold(db, outcome, [made.id]) for outcome in made.outcomes]):
        raise LedgerUnavailable(GONE)  # an event whose time in the inbox is over at this moment
    await db.execute(
        "UPDATE inbox SET used = true WHERE event = ANY(%s) AND shape = ANY(%s)",
        (list(made.events), shapes),
    )
    await _keep(db, made, at)
    return made


async def _keep(db: Database, made: Gathered, at: float) -> None:
    await db.execute(
        "INSERT INTO gathered (id, digest, outcomes, at) VALUES (%s, %s, %s, %s)",
        (made.id, made.digest, orjson.dumps(made.outcomes).decode(), at),
    )


async def join(db: Database, arrival: Arrival) -> None:
    """Add an event to its gatherings, unless it was in them before."""
    for each in arrival.members:
        key = each.digest, each.correlation
        new = await db.execute(
            "INSERT INTO inbox (event, shape, correlation, outcome, at, used) "
            "VALUES (%s, %s, %s, %s, %s, true) ON CONFLICT DO NOTHING RETURNING 1",
            (arrival.event, *key, arrival.outcome, arrival.at),
        )
        if await new.fetchone():
            holder = member_name(*key, arrival.event)
            if not await parcels.hold(db, arrival.outcome, [holder]):
                raise LedgerUnavailable(GONE)
            await db.execute(
                "INSERT INTO gathering "
                "(digest, correlation, event, number, filters, outcome, at, looked) "
                "SELECT %s, %s, %s, 1 + coalesce(max(number), 0), %s, %s, %s, false "
                "FROM gathering WHERE digest = %s AND correlation = %s ON CONFLICT DO NOTHING",
                (*key, arrival.event, list(each.filters), arrival.outcome, arrival.at, *key),
            )


async def members(db: Database, digest: str, correlation: str) -> list[Waiting]:
    """Return a gathering."""
    found = await db.execute(
        "SELECT event, outcome, filters, looked FROM gathering "
        "WHERE digest = %s AND correlation = %s ORDER BY number",
        (digest, correlation),
    )
    return [
        Waiting(event, outcome, tuple(filters), looked)
        for event, outcome, filters, looked in await found.fetchall()
    ]


async def tally(db: Database, digest: str) -> Tally:
    """Count what a version has gathered."""
    found = await db.execute(
        "SELECT count(*), count(DISTINCT correlation), min(at) FROM gathering WHERE digest = %s",
        (digest,),
    )
    [row] = await found.fetchall()
    return Tally(*row)


async def unlooked(db: Database, before: float) -> list[tuple[str, str]]:
    """Return gatherings that somebody has to look at."""
    found = await db.execute(
        "SELECT DISTINCT digest, correlation FROM gathering WHERE NOT looked AND at < %s",
        (before,),
    )
    return [(digest, correlation) for digest, correlation in await found.fetchall()]


async def note(db: Database, look: Look) -> bool:
    """Compare and set."""
    await hold(db, [look.digest])
    key = look.digest, look.correlation
    own = "digest = %s AND correlation = %s"
    found = await db.execute(f"SELECT event FROM gathering WHERE {own}", key)  # noqa: S608
    if not {row[0] for row in await found.fetchall()}.issuperset(look.events):
        return False
    if not look.spent:
        await db.execute(
            "UPDATE gathering SET looked = EXISTS "  # noqa: S608
            "(SELECT 1 FROM flows f WHERE f.digest = gathering.digest AND f.newest) "
            f"WHERE {own} AND event = ANY(%s)",
            (*key, list(look.events)),
        )
        return True
    await db.execute(
        f"DELETE FROM gathering WHERE {own} AND event = ANY(%s)",  # noqa: S608
        (*key, list(look.spent)),
    )
    await db.execute(f"UPDATE gathering SET looked = false WHERE {own}", key)  # noqa: S608
    if look.made:
        for outcome in look.made.outcomes:
            await parcels.hold(db, outcome, [look.made.id])  # which those that are spent do
        await _keep(db, look.made, look.at)
    await parcels.release(db, [member_name(*key, event) for event in look.spent])
    return True


async def waiting(db: Database, before: float) -> list[Gathered]:
    """Return the sets whose run was not started."""
    found = await db.execute("SELECT id, digest, outcomes FROM gathered WHERE at < %s", (before,))
    return [
        Gathered(name, digest, tuple(outcomes)) for name, digest, outcomes in await found.fetchall()
    ]


async def started(db: Database, name: str) -> None:
    """Forget a set."""
    await db.execute("DELETE FROM gathered WHERE id = %s", (name,))
    await parcels.release(db, [name])
