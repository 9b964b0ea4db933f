"""What people are asked, in PostgreSQL; each function is one transaction's work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from functions.host.ledger.inbox import bounds
from functions.host.ledger.postgres import runs, tasks
from functions.host.ledger.postgres.schema import RUN, TASK
from functions.host.ledger.rows.task import Work

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.host.ledger.postgres.connections import Database
    from functions.host.ledger.rows.history import Entry
    from functions.host.ledger.rows.task import TaskRow

_WORK: Final = (
    f"{', '.join('t.' + name for name in TASK)}, {', '.join('r.' + name for name in RUN)}"
)
_OPEN: Final = "t.state = 'asking' AND r.status IN ('running', 'suspended')"
_ALL: Final = (
    f"SELECT {_WORK} FROM runs r JOIN tasks t ON t.run = r.id WHERE {_OPEN} "  # noqa: S608
    "AND (t.requested_at, t.run, t.instance) > (%s, %s, %s) "
    "ORDER BY t.requested_at, t.run, t.instance LIMIT %s"
)
_BELOW: Final = (
    "WITH RECURSIVE kin (top, id) AS (SELECT id, id FROM runs WHERE id = ANY(%s) UNION ALL "  # noqa: S608
    "SELECT k.top, r.id FROM runs r JOIN kin k ON r.parent = k.id WHERE r.awaited) "
    f"SELECT k.top, {_WORK} FROM kin k JOIN runs r ON r.id = k.id JOIN tasks t ON t.run = r.id "
    f"WHERE {_OPEN} ORDER BY t.requested_at, t.run, t.instance"
)


async def asking(db: Database, after: tuple[float, str, str], limit: int) -> list[Work]:
    """Return what people are asked, the longest asked first."""
    found = await db.execute(_ALL, (*after, limit))
    return [_work(row) for row in await found.fetchall()]


async def asking_below(db: Database, run_ids: Sequence[str]) -> list[tuple[str, Work]]:
    """Return what is asked by runs, or by those that they await, with the first one's id."""
    found = await db.execute(_BELOW, (list(run_ids),))
    return [(row[0], _work(row[1:])) for row in await found.fetchall()]


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
    await runs.append(db, asked.run, [entry])
    return True


def _work(row: Sequence[object]) -> Work:
    return Work(tasks.read(row[: len(TASK)]), runs.read(row[len(TASK) :]))
