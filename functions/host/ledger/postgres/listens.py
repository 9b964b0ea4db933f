"""Who listens, and what there is to hear, in PostgreSQL; each function is one transaction's work.

Whoever tells many listens of an event locks what they are found by, run after run, and no run:
one that ends meanwhile is waited for, and not told.
"""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING, Final

import orjson

from events.flow.listening import Shape
from functions.host.ledger.hearing import bounds, hearing
from functions.host.ledger.parcels import GONE
from functions.host.ledger.postgres import gatherings, parcels, runs, tasks
from functions.host.ledger.rows.listen import Kept, Subscription
from functions.host.ledger.rows.task import NEVER
from functions.host.ledger.unavailable import LedgerUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.host.ledger.postgres.connections import Database
    from functions.host.ledger.rows.gathering import Gathered
    from functions.host.ledger.rows.listen import Arrival
    from functions.host.ledger.rows.task import TaskRow
    from functions.host.ledger.rows.transition import Transition

_COLUMNS: Final = ("shape", "correlation", "run", "instance", "scope", "reference", "listener")
_SUBSCRIPTION: Final = ", ".join(f"s.{name}" for name in _COLUMNS)
_values = attrgetter(*_COLUMNS)
_NOT_CONSUMED: Final = (
    "NOT EXISTS (SELECT 1 FROM consumed c "
    "WHERE c.run = s.run AND c.listener = s.listener AND c.event = {event})"
)
_LINE: Final = (
    "WITH RECURSIVE line (id, origin, started_at) AS "
    "(SELECT id, origin, started_at FROM runs WHERE id = %s UNION ALL "
    "SELECT r.id, r.origin, r.started_at FROM runs r JOIN line l ON r.id = l.origin)"
)
"""A run, and those that it goes on for: their events are its own."""


async def shape(db: Database, shapes: Sequence[Shape]) -> None:
    """Note what a flow's tasks listen to."""
    if shapes:
        await db.cursor().executemany(
            "INSERT INTO shapes (shape, type, filter) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            [(each.digest, each.type, orjson.dumps(each.filter).decode()) for each in shapes],
        )


async def shapes(db: Database, event_type: str) -> list[Shape]:
    """Return the shapes for a type, and those whose type is no constant."""
    found = await db.execute(
        "SELECT shape, type, filter FROM shapes WHERE type = %s OR type IS NULL", (event_type,)
    )
    return [Shape(*row) for row in await found.fetchall()]


async def begin(db: Database, step: Transition) -> None:
    """Note what a step consumes, which listens it ends, and which it begins."""
    if step.consumed:
        await db.cursor().executemany(
            "INSERT INTO consumed (run, listener, event) VALUES (%s, %s, %s) "
            "ON CONFLICT DO NOTHING",
            [(step.run, *each) for each in step.consumed],
        )
    if step.subscriptions:
        await db.cursor().executemany(
            f"INSERT INTO subscriptions ({', '.join(_COLUMNS)}) "  # noqa: S608 - constants
            "VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [_values(each) for each in step.subscriptions],
        )


async def end(db: Database, run_id: str, instances: Sequence[str]) -> None:
    """End listens, and close what they were told of and did not take."""
    for instance in instances:
        await db.execute(
            "DELETE FROM subscriptions WHERE run = %s AND instance = %s", (run_id, instance)
        )
        await db.execute(
            "UPDATE tasks SET state = 'closed', token = token + 1 WHERE run = %s AND state <> "
            "'closed' AND (instance = %s OR (instance >= %s AND instance < %s))",
            (run_id, instance, *bounds(instance)),
        )


async def receive(db: Database, arrival: Arrival) -> tuple[Arrival, list[Gathered]]:
    """Keep an event under each of its keys, and see what it makes whole."""
    event = arrival.event
    flows = [each.digest for each in arrival.parts] + [each.digest for each in arrival.members]
    await gatherings.hold(db, flows)
    rows = [(*key, arrival.used) for key in arrival.keys]
    rows += [(part.shape, part.correlation, False) for part in arrival.parts]
    await db.cursor().executemany(
        "INSERT INTO inbox (event, shape, correlation, outcome, at, used) "
        "VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        [
            (event, shape, correlation, arrival.outcome, arrival.at, used)
            for shape, correlation, used in rows
        ],
    )
    await gatherings.join(db, arrival)
    found = await db.execute(
        "SELECT outcome, min(at) FROM inbox WHERE event = %s GROUP BY outcome ORDER BY 2", (event,)
    )
    kept = await found.fetchall()
    if not all([await parcels.hold(db, outcome, [event]) for outcome, _ in kept]):
        raise LedgerUnavailable(GONE)
    made = [await gatherings.gather(db, part, arrival.at) for part in arrival.parts]
    outcome, at = kept[0]
    return replace(arrival, outcome=outcome, at=at), [each for each in made if each]


async def deliver(
    db: Database, arrival: Arrival, key: tuple[str, str], after: tuple[str, str], limit: int
) -> list[TaskRow]:
    """Tell some of those who listen."""
    found = await db.execute(
        f"SELECT {_SUBSCRIPTION} FROM subscriptions s JOIN runs r ON r.id = s.run "  # noqa: S608
        "AND (s.correlation <> '' OR r.started_at <= %s) "
        "WHERE s.shape = %s AND s.correlation = %s AND (s.run, s.instance) > (%s, %s) "
        f"AND {_NOT_CONSUMED.format(event='%s')} ORDER BY s.run, s.instance LIMIT %s "
        "FOR KEY SHARE OF s",
        (arrival.at, *key, *after, arrival.event, limit),
    )
    rows = [Subscription(*row) for row in await found.fetchall()]
    made = [hearing(row, arrival.event, arrival.outcome, arrival.at) for row in rows]
    if not await parcels.hold(db, arrival.outcome, [row.run for row in made]):
        return []
    await tasks.offer(db, made)
    return made


async def look(db: Database, listen: TaskRow, limit: int) -> list[TaskRow]:
    """Tell a listen of what came before."""
    await runs.hold(db, listen.run)
    own = await db.execute(
        f"{_LINE} SELECT {_SUBSCRIPTION}, (SELECT min(started_at) FROM line) "  # noqa: S608
        "FROM subscriptions s WHERE s.run = %s AND s.instance = %s",
        (listen.run, listen.run, listen.instance),
    )
    found: dict[str, TaskRow] = {}
    for *columns, started in await own.fetchall():
        subscription = Subscription(*columns)
        events = await db.execute(
            "SELECT i.event, i.outcome, i.at FROM inbox i, subscriptions s "  # noqa: S608
            "WHERE i.shape = %(shape)s AND i.correlation = %(correlation)s AND i.at >= %(since)s "
            "AND s.shape = %(shape)s AND s.correlation = %(correlation)s AND s.run = %(run)s "
            f"AND s.instance = %(instance)s AND {_NOT_CONSUMED.format(event='i.event')} "
            "AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.run = %(run)s "
            "AND t.instance = %(instance)s || '~' || i.event) ORDER BY i.at LIMIT %(limit)s",
            {
                "shape": subscription.shape,
                "correlation": subscription.correlation,
                "since": 0.0 if subscription.correlation else started,
                "run": subscription.run,
                "instance": subscription.instance,
                "limit": limit,
            },
        )
        found |= {row[0]: hearing(subscription, *row) for row in await events.fetchall()}
    made = sorted(found.values(), key=lambda row: row.requested_at)[:limit]
    rows = [row for row in made if await parcels.hold(db, row.outcome or "", [row.run])]
    await tasks.offer(db, rows)
    if len(made) < limit:
        await db.execute(
            "UPDATE tasks SET due_at = %s WHERE run = %s AND instance = %s AND state = 'listening'",
            (NEVER, listen.run, listen.instance),
        )
    return rows


async def stale(db: Database, before: float, limit: int) -> list[Kept]:
    """Return what was kept long enough."""
    found = await db.execute(
        "SELECT event, min(outcome), bool_or(used) OR EXISTS "
        "(SELECT 1 FROM consumed c WHERE c.event = i.event) FROM inbox i WHERE event IN "
        "(SELECT event FROM inbox WHERE at < %s ORDER BY at LIMIT %s) GROUP BY event",
        (before, limit),
    )
    return [Kept(*row) for row in await found.fetchall()]


async def forget(db: Database, events: Sequence[str]) -> None:
    """Drop events."""
    await db.execute("DELETE FROM inbox WHERE event = ANY(%s)", (list(events),))
    await parcels.release(db, events)
