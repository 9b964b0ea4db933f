"""What people are asked, in SQLite; each function is one transaction's work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from functions.host.ledger.inbox import bounds
from functions.host.ledger.rows.task import Work
from functions.host.ledger.sqlite import runs, tasks
from functions.host.ledger.sqlite.schema import RUN, TASK

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from functions.host.ledger.rows.history import Entry
    from functions.host.ledger.rows.task import TaskRow

_ASKED = (
    f"{', '.join('t.' + name for name in TASK)}, "
    f"{', '.join('r.' + name for name in RUN)} FROM {{first}} JOIN tasks t ON t.run = r.id "
    "WHERE t.state = 'asking' AND r.status IN ('running', 'suspended') "
)
_ALL = (
    f"SELECT {_ASKED.format(first='runs r')}"
    "AND (t.requested_at, t.run, t.instance) > (?, ?, ?) "
    "ORDER BY t.requested_at, t.run, t.instance LIMIT ?"
)
_BELOW = (
    "WITH RECURSIVE kin (top, id) AS (SELECT value, value FROM json_each(?) UNION ALL "  # noqa: S608
    "SELECT k.top, r.id FROM runs r JOIN kin k ON r.parent = k.id WHERE r.awaited) "
    f"SELECT k.top, {_ASKED.format(first='kin k JOIN runs r ON r.id = k.id')}"
    "ORDER BY t.requested_at, t.run, t.instance"
)


def asking(db: sqlite3.Connection, after: tuple[float, str, str], limit: int) -> list[Work]:
    """Return what people are asked, the longest asked first."""
    return [_work(row) for row in db.execute(_ALL, (*after, limit)).fetchall()]


def asking_below(db: sqlite3.Connection, run_ids: Sequence[str]) -> list[tuple[str, Work]]:
    """Return what is asked by runs, or by those that they await, with the first one's id."""
    rows = db.execute(_BELOW, (orjson.dumps(list(run_ids)).decode(),)).fetchall()
    return [(row[0], _work(row[1:])) for row in rows]


def answer(db: sqlite3.Connection, asked: TaskRow, hearing: TaskRow, entry: Entry) -> bool:
    """Close what is asked and its timers, and tell the listen the answer."""
    done = db.execute(
        "UPDATE tasks SET state = 'closed' WHERE run = ? AND instance = ? "
        "AND state = 'asking' AND token = ? AND EXISTS "
        "(SELECT 1 FROM runs r WHERE r.id = run AND r.status IN ('running', 'suspended'))",
        (asked.run, asked.instance, asked.token),
    )
    if done.rowcount != 1:
        return False
    db.execute(
        "UPDATE tasks SET state = 'closed', token = token + 1 WHERE run = ? AND state = 'waiting' "
        "AND instance >= ? AND instance < ?",
        (asked.run, *bounds(asked.instance)),
    )
    tasks.insert(db, [hearing])
    runs.append(db, asked.run, [entry])
    return True


def _work(row: Sequence[object]) -> Work:
    return Work(tasks.read(row[: len(TASK)]), runs.read(row[len(TASK) :]))
