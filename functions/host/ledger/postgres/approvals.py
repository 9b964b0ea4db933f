"""What people are asked, in PostgreSQL; each function is one transaction's work."""

from __future__ import annotations

from dataclasses import astuple
from typing import TYPE_CHECKING, Final

from events.flow.advance.timers import ESCALATION
from functions.host.ledger.hearing import bounds
from functions.host.ledger.postgres import history, runs, tasks
from functions.host.ledger.postgres.schema import RUN, TASK
from functions.host.ledger.rows.task import Work

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.host.ledger.postgres.connections import Database
    from functions.host.ledger.rows.history import Entry
    from functions.host.ledger.rows.task import TaskRow
    from functions.host.ledger.rows.transition import Transition

_WORK: Final = (
    f"{', '.join('t.' + name for name in TASK)}, {', '.join('r.' + name for name in RUN)}"
)
_OPEN: Final = "t.state = 'asking' AND r.status IN ('running', 'suspended')"
_CONCERNED: Final = (
    "(%(names)s::text[] IS NULL OR EXISTS (SELECT 1 FROM assignees a WHERE a.run = t.run "  # noqa: S608
    "AND a.instance = t.instance AND a.name = ANY(%(names)s) AND a.step = "
    "(SELECT max(b.step) FROM assignees b WHERE b.run = t.run AND b.instance = t.instance "
    "AND NOT EXISTS (SELECT 1 FROM tasks w WHERE w.run = b.run AND b.step > 0 "
    f"AND w.instance = b.instance || '~{ESCALATION}#' || b.step AND w.state <> 'closed'))))"
)
"""Whether one of the names, among them the empty one, may answer now: from the last step of the
escalation on whose timer is over."""
_ALL: Final = (
    f"SELECT {_WORK} FROM runs r JOIN tasks t ON t.run = r.id WHERE {_OPEN} AND {_CONCERNED} "  # noqa: S608
    "AND (t.requested_at, t.run, t.instance) > (%(at)s, %(run)s, %(instance)s) "
    "ORDER BY t.requested_at, t.run, t.instance LIMIT %(limit)s"
)
_BELOW: Final = (
    "WITH RECURSIVE kin (top, id) AS (SELECT id, id FROM runs WHERE id = ANY(%(runs)s) UNION ALL "  # noqa: S608
    "SELECT k.top, r.id FROM runs r JOIN kin k ON r.parent = k.id WHERE r.awaited) "
    f"SELECT k.top, {_WORK} FROM kin k JOIN runs r ON r.id = k.id JOIN tasks t ON t.run = r.id "
    f"WHERE {_OPEN} AND {_CONCERNED} ORDER BY t.requested_at, t.run, t.instance"
)


async def begin(db: Database, step: Transition) -> None:
    """Note whom a step's approvals ask."""
    if step.assignees:
        await db.cursor().executemany(
            "INSERT INTO assignees (run, instance, step, name) VALUES (%s, %s, %s, %s) "
            "ON CONFLICT DO NOTHING",
            [astuple(each) for each in step.assignees],
        )


async def asking(
    db: Database, names: Sequence[str] | None, after: tuple[float, str, str], limit: int
) -> list[Work]:
    """Return what people are asked, the longest asked first."""
    at, run, instance = after
    page = {"at": at, "run": run, "instance": instance, "limit": limit}
    found = await db.execute(_ALL, {"names": _concerned(names), **page})
    return [_work(row) for row in await found.fetchall()]


async def asking_below(
    db: Database, run_ids: Sequence[str], names: Sequence[str] | None
) -> list[tuple[str, Work]]:
    """Return what is asked by runs, or by those that they await, with the first one's id."""
    found = await db.execute(_BELOW, {"names": _concerned(names), "runs": list(run_ids)})
    return [(row[0], _work(row[1:])) for row in await found.fetchall()]


def _concerned(names: Sequence[str] | None) -> list[str] | None:
    return None if names is None else ["", *names]


async def answer(db: Database, asked: TaskRow, hearing: TaskRow, entry: Entry) -> bool:
    """Close what is asked and its timers, and tell the listen the answer."""
    await runs.hold(db, asked.run)
    done = await db.execute(
        "UPDATE tasks SET state = 'closed' WHERE run = %s AND instance = %s "
        "AND state = 'asking' AND token = %s AND EXISTS (SELECT 1 FROM runs r "
        "WHERE r.id = tasks.run AND r.status IN ('running', 'suspended')) RETURNING 1",
        (asked.run, asked.instance, asked.token),
    )
    if await done.fetchone() is None:
        return False
    await db.execute(
        "UPDATE tasks SET state = 'closed', token = token + 1 WHERE run = %s "
        "AND state = 'waiting' AND instance >= %s AND instance < %s",
        (asked.run, *bounds(asked.instance)),
    )
    await tasks.insert(db, [hearing])
    await history.append(db, asked.run, [entry])
    return True


def _work(row: Sequence[object]) -> Work:
    return Work(tasks.read(row[: len(TASK)]), runs.read(row[len(TASK) :]))
