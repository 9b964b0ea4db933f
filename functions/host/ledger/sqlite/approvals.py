"""What people are asked, in SQLite; each function is one transaction's work."""

from __future__ import annotations

from dataclasses import astuple
from typing import TYPE_CHECKING

import orjson

from events.flow.advance.timers import ESCALATION
from functions.host.ledger.hearing import bounds
from functions.host.ledger.rows.task import Work
from functions.host.ledger.sqlite import history, runs, tasks
from functions.host.ledger.sqlite.schema import RUN, TASK

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from functions.host.ledger.rows.history import Entry
    from functions.host.ledger.rows.task import TaskRow
    from functions.host.ledger.rows.transition import Transition

_ASKED = (
    f"{', '.join('t.' + name for name in TASK)}, "
    f"{', '.join('r.' + name for name in RUN)} FROM {{first}} JOIN tasks t ON t.run = r.id "
    "WHERE t.state = 'asking' AND r.status IN ('running', 'suspended') "
)
_CONCERNED = (
    "AND (?1 IS NULL OR EXISTS (SELECT 1 FROM assignees a WHERE a.run = t.run "  # noqa: S608 - a constant
    "AND a.instance = t.instance AND a.name IN (SELECT value FROM json_each(?1)) AND a.step = "
    "(SELECT max(b.step) FROM assignees b WHERE b.run = t.run AND b.instance = t.instance "
    "AND NOT EXISTS (SELECT 1 FROM tasks w WHERE w.run = b.run AND b.step > 0 "
    f"AND w.instance = b.instance || '~{ESCALATION}#' || b.step AND w.state <> 'closed')))) "
)
"""Whether one of the names, given as a JSON list with the empty one, may answer now: from the last
step of the escalation on whose timer is over."""
_ALL = (
    f"SELECT {_ASKED.format(first='runs r')} {_CONCERNED}"
    "AND (t.requested_at, t.run, t.instance) > (?2, ?3, ?4) "
    "ORDER BY t.requested_at, t.run, t.instance LIMIT ?5"
)
_BELOW = (
    "WITH RECURSIVE kin (top, id) AS (SELECT value, value FROM json_each(?2) UNION ALL "  # noqa: S608
    "SELECT k.top, r.id FROM runs r JOIN kin k ON r.parent = k.id WHERE r.awaited) "
    f"SELECT k.top, {_ASKED.format(first='kin k JOIN runs r ON r.id = k.id')} {_CONCERNED}"
    "ORDER BY t.requested_at, t.run, t.instance"
)


def begin(db: sqlite3.Connection, step: Transition) -> None:
    """Note whom a step's approvals ask."""
    if step.assignees:
        db.executemany(
            "INSERT OR IGNORE INTO assignees VALUES (?, ?, ?, ?)",
            [astuple(each) for each in step.assignees],
        )


def asking(
    db: sqlite3.Connection,
    names: Sequence[str] | None,
    after: tuple[float, str, str],
    limit: int,
) -> list[Work]:
    """Return what people are asked, the longest asked first."""
    rows = db.execute(_ALL, (_concerned(names), *after, limit)).fetchall()
    return [_work(row) for row in rows]


def asking_below(
    db: sqlite3.Connection, run_ids: Sequence[str], names: Sequence[str] | None
) -> list[tuple[str, Work]]:
    """Return what is asked by runs, or by those that they await, with the first one's id."""
    rows = db.execute(_BELOW, (_concerned(names), orjson.dumps(list(run_ids)).decode())).fetchall()
    return [(row[0], _work(row[1:])) for row in rows]


def _concerned(names: Sequence[str] | None) -> str | None:
    return None if names is None else orjson.dumps(["", *names]).decode()


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
    history.append(db, asked.run, [entry])
    return True


def _work(row: Sequence[object]) -> Work:
    return Work(tasks.read(row[: len(TASK)]), runs.read(row[len(TASK) :]))
