"""Sets of events that start a run together, in PostgreSQL; each is one transaction's work.

An event waits in the inbox for the others of its set; what is in a set is `used`. Events of one
flow are received one at a time, so that the last one of a set sees all the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from functions.host.ledger.postgres.schema import LOCK
from functions.host.ledger.rows import Gathered
from functions.host.ledger.told import gathered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.host.ledger.postgres.connections import Database
    from functions.host.ledger.rows import Part


async def hold(db: Database, parts: Sequence[Part]) -> None:
    """Wait until nobody else receives events of these flows."""
    for digest in sorted({part.digest for part in parts}):
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
    await db.execute(
        "UPDATE inbox SET used = true WHERE event = ANY(%s) AND shape = ANY(%s)",
        (list(made.events), shapes),
    )
    await db.execute(
        "INSERT INTO gathered (id, digest, outcomes, at) VALUES (%s, %s, %s, %s)",
        (made.id, made.digest, orjson.dumps(made.outcomes).decode(), at),
    )
    return made


async def waiting(db: Database, before: float) -> list[Gathered]:
    """Return the sets whose run was not started."""
    found = await db.execute("SELECT id, digest, outcomes FROM gathered WHERE at < %s", (before,))
    return [
        Gathered(name, digest, tuple(outcomes)) for name, digest, outcomes in await found.fetchall()
    ]


async def started(db: Database, name: str) -> None:
    """Forget a set."""
    await db.execute("DELETE FROM gathered WHERE id = %s", (name,))
