"""Who listens, and what there is to hear, in SQLite; each function is one transaction's work."""

from __future__ import annotations

from dataclasses import astuple, replace
from typing import TYPE_CHECKING

import orjson

from events.flow.listening import Shape
from functions.host.ledger.hearing import bounds, hearing
from functions.host.ledger.parcels import GONE
from functions.host.ledger.rows.listen import Kept, Subscription
from functions.host.ledger.rows.task import NEVER
from functions.host.ledger.sqlite import gatherings, parcels, tasks
from functions.host.ledger.unavailable import LedgerUnavailable

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from functions.host.ledger.rows.gathering import Gathered
    from functions.host.ledger.rows.listen import Arrival
    from functions.host.ledger.rows.task import TaskRow
    from functions.host.ledger.rows.transition import Transition

_SUBSCRIPTION = "s.shape, s.correlation, s.run, s.instance, s.scope, s.reference, s.listener"
_NOT_CONSUMED = (
    "NOT EXISTS (SELECT 1 FROM consumed c "
    "WHERE c.run = s.run AND c.listener = s.listener AND c.event = {event})"
)
_LINE = (
    "WITH RECURSIVE line (id, origin, started_at) AS "
    "(SELECT id, origin, started_at FROM runs WHERE id = ? UNION ALL "
    "SELECT r.id, r.origin, r.started_at FROM runs r JOIN line l ON r.id = l.origin)"
)
"""A run, and those that it goes on for: their events are its own."""


def shape(db: sqlite3.Connection, shapes: Sequence[Shape]) -> None:
    """Note what a flow's tasks listen to."""
    db.executemany(
        "INSERT OR IGNORE INTO shapes VALUES (?, ?, ?)",
        [(each.digest, each.type, orjson.dumps(each.filter).decode()) for each in shapes],
    )


def shapes(db: sqlite3.Connection, event_type: str) -> list[Shape]:
    """Return the shapes for a type, and those whose type is no constant."""
    rows = db.execute(
        "SELECT shape, type, filter FROM shapes WHERE type = ? OR type IS NULL", (event_type,)
    )
    return [Shape(name, kind, orjson.loads(text)) for name, kind, text in rows.fetchall()]


def begin(db: sqlite3.Connection, step: Transition) -> None:
    """Note what a step consumes, which listens it ends, and which it begins."""
    if step.consumed:
        rows = [(step.run, *each) for each in step.consumed]
        db.executemany("INSERT OR IGNORE INTO consumed VALUES (?, ?, ?)", rows)
    if step.subscriptions:
        db.executemany(
            "INSERT OR IGNORE INTO subscriptions VALUES (?, ?, ?, ?, ?, ?, ?)",
            [astuple(each) for each in step.subscriptions],
        )


def end(db: sqlite3.Connection, run_id: str, instances: Sequence[str]) -> None:
    """End listens, and close what they were told of and did not take."""
    for instance in instances:
        db.execute("DELETE FROM subscriptions WHERE run = ? AND instance = ?", (run_id, instance))
        db.execute(
            "UPDATE tasks SET state = 'closed', token = token + 1 WHERE run = ?1 AND state <> "
            "'closed' AND (instance = ?2 OR (instance >= ?3 AND instance < ?4))",
            (run_id, instance, *bounds(instance)),
        )


def receive(db: sqlite3.Connection, arrival: Arrival) -> tuple[Arrival, list[Gathered]]:
    """Keep an event under each of its keys, and see what it makes whole."""
    event = arrival.event
    rows = [(*key, arrival.used) for key in arrival.keys]
    rows += [(part.shape, part.correlation, False) for part in arrival.parts]
    db.executemany(
        "INSERT OR IGNORE INTO inbox VALUES (?, ?, ?, ?, ?, ?)",
        [
            (event, shape, correlation, arrival.outcome, arrival.at, used)
            for shape, correlation, used in rows
        ],
    )
    gatherings.join(db, arrival)
    kept = db.execute(
        "SELECT outcome, min(at) FROM inbox WHERE event = ? GROUP BY outcome ORDER BY 2", (event,)
    ).fetchall()
    if not all(parcels.hold(db, outcome, [event]) for outcome, _ in kept):
        raise LedgerUnavailable(GONE)
    found = (gatherings.gather(db, part, arrival.at) for part in arrival.parts)
    outcome, at = kept[0]
    return replace(arrival, outcome=outcome, at=at), [each for each in found if each]


def deliver(
    db: sqlite3.Connection,
    arrival: Arrival,
    key: tuple[str, str],
    after: tuple[str, str],
    limit: int,
) -> list[TaskRow]:
    """Tell some of those who listen."""
    rows = db.execute(
        f"SELECT {_SUBSCRIPTION} FROM subscriptions s JOIN runs r ON r.id = s.run "  # noqa: S608
        "AND (s.correlation <> '' OR r.started_at <= ?) "
        "WHERE s.shape = ? AND s.correlation = ? AND (s.run, s.instance) > (?, ?) "
        f"AND {_NOT_CONSUMED.format(event='?')} ORDER BY s.run, s.instance LIMIT ?",
        (arrival.at, *key, *after, arrival.event, limit),
    ).fetchall()
    made = [hearing(Subscription(*row), arrival.event, arrival.outcome, arrival.at) for row in rows]
    if not parcels.hold(db, arrival.outcome, [row.run for row in made]):
        return []
    tasks.offer(db, made)
    return made


def look(db: sqlite3.Connection, listen: TaskRow, limit: int) -> list[TaskRow]:
    """Tell a listen of what came before."""
    own = db.execute(
        f"{_LINE} SELECT {_SUBSCRIPTION}, (SELECT min(started_at) FROM line) "  # noqa: S608
        "FROM subscriptions s WHERE s.run = ? AND s.instance = ?",
        (listen.run, listen.run, listen.instance),
    ).fetchall()
    found: dict[str, TaskRow] = {}
    for *columns, started in own:
        subscription = Subscription(*columns)
        rows = db.execute(
            "SELECT i.event, i.outcome, i.at FROM inbox i, subscriptions s "  # noqa: S608
            "WHERE i.shape = ?1 "
            "AND i.correlation = ?2 AND i.at >= ?3 AND s.shape = ?1 AND s.correlation = ?2 "
            f"AND s.run = ?4 AND s.instance = ?5 AND {_NOT_CONSUMED.format(event='i.event')} "
            "AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.run = ?4 "
            "AND t.instance = ?5 || '~' || i.event) ORDER BY i.at LIMIT ?6",
            (
                subscription.shape,
                subscription.correlation,
                0.0 if subscription.correlation else started,
                subscription.run,
                subscription.instance,
                limit,
            ),
        )
        found |= {row[0]: hearing(subscription, *row) for row in rows.fetchall()}
    made = sorted(found.values(), key=lambda row: row.requested_at)[:limit]
    for row in made:
        parcels.hold(db, row.outcome or "", [row.run])  # which the inbox does: it is there
    tasks.offer(db, made)
    if len(made) < limit:
        db.execute(
            "UPDATE tasks SET due_at = ? WHERE run = ? AND instance = ? AND state = 'listening'",
            (NEVER, listen.run, listen.instance),
        )
    return made


def stale(db: sqlite3.Connection, before: float, limit: int) -> list[Kept]:
    """Return what was kept long enough."""
    rows = db.execute(
        "SELECT event, outcome, max(used) OR EXISTS "
        "(SELECT 1 FROM consumed c WHERE c.event = i.event) FROM inbox i WHERE event IN "
        "(SELECT event FROM inbox WHERE at < ? ORDER BY at LIMIT ?) GROUP BY event",
        (before, limit),
    )
    return [Kept(event, outcome, bool(used)) for event, outcome, used in rows.fetchall()]


def forget(db: sqlite3.Connection, events: Sequence[str]) -> None:
    """Drop events."""
    db.executemany("DELETE FROM inbox WHERE event = ?", [(event,) for event in events])
    parcels.release(db, events)
