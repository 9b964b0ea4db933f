"""Sets of events that start a run together, in SQLite; each function is one transaction's work.

An event waits in the inbox for the others of its set; what is in a set is `used`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from functions.host.ledger.rows import Gathered
from functions.host.ledger.told import gathered

if TYPE_CHECKING:
    import sqlite3

    from functions.host.ledger.rows import Part


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
    db.executemany(
        "UPDATE inbox SET used = 1 WHERE event = ? AND shape = ?",
        [(event, shape) for event in made.events for shape in shapes],
    )
    db.execute(
        "INSERT INTO gathered VALUES (?, ?, ?, ?)",
        (made.id, made.digest, orjson.dumps(made.outcomes).decode(), at),
    )
    return made


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
