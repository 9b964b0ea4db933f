"""Forks in PostgreSQL: a row for each with what is still open, and a scope for each branch.

A branch's end touches its own scope and the counter, never its siblings: a fork costs time
linear in its width.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.host.ledger.postgres import kin, tasks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.host.ledger.postgres.connections import Database
    from functions.host.ledger.rows import Join, ScopeRow, Transition

_WITHIN = "run = %s AND scope >= %s AND scope < %s"


async def begin(db: Database, run_id: str, scopes: Sequence[ScopeRow]) -> None:
    """Open the scopes of new forks, and count what must end in each."""
    numbers: dict[str, int] = {}
    for row in scopes:
        number = numbers[row.fork] = numbers.get(row.fork, -1) + 1
        await db.execute(
            "INSERT INTO scopes (run, scope, state, rev, parent, fork, number, output) "
            "VALUES (%s, %s, %s, 1, %s, %s, %s, %s)",
            (run_id, row.scope, row.state, row.parent, row.fork, number, row.output),
        )
    for row in {row.fork: row for row in scopes}.values():
        left = sum(each.fork == row.fork and each.output is None for each in scopes)
        await db.execute(
            "INSERT INTO forks (run, fork, scope, compete, open) VALUES (%s, %s, %s, %s, %s)",
            (run_id, row.fork, row.parent, row.compete, 1 if row.compete else left),
        )


async def join(db: Database, step: Transition, join: Join) -> None:
    """End a branch; open the fork's own row when that was the last, or the one that counts.

    A fault of a branch after its fork is over leaves the task recorded: should the run be
    redriven, the fault is told then.
    """
    if join.output is not None:
        await db.execute(
            "UPDATE scopes SET state = %s, rev = rev + 1, output = %s "
            "WHERE run = %s AND scope = %s",
            (step.state, join.output, step.run, step.scope),
        )
    told = await db.execute(
        "UPDATE forks SET open = CASE WHEN %s THEN 0 ELSE open - 1 END "
        "WHERE run = %s AND fork = %s AND open > 0 RETURNING open",
        (join.outright, step.run, join.row.instance),
    )
    left = await told.fetchone()
    if left is not None and left[0] == 0:
        await db.execute(
            "DELETE FROM tasks WHERE run = %s AND instance = %s", (step.run, join.row.instance)
        )
        await tasks.insert(db, [join.row])
    elif left is None and join.output is None:
        await db.execute(
            "UPDATE tasks SET state = 'recorded', due_at = %s WHERE run = %s AND instance = %s",
            (join.row.due_at, step.run, step.closes),
        )


async def shut(db: Database, run_id: str, fork: str, prefix: str, at: float) -> None:
    """Close everything in a fork's scopes, those of forks within them included."""
    bounds = run_id, prefix, prefix[:-1] + chr(ord(prefix[-1]) + 1)
    await kin.cancel(db, await kin.below(db, kin.OF_SCOPES, *bounds), at)
    await db.execute(
        f"UPDATE tasks SET state = 'closed', token = token + 1 WHERE {_WITHIN} "  # noqa: S608
        "AND state <> 'closed'",
        bounds,
    )
    for table in ("scopes", "forks", "subscriptions"):
        await db.execute(f"DELETE FROM {table} WHERE {_WITHIN}", bounds)  # noqa: S608 - our own names
    await db.execute("DELETE FROM forks WHERE run = %s AND fork = %s", (run_id, fork))


async def redriven(db: Database, run_id: str) -> None:
    """Count again what is open: a redriven run's forks are over only once it has gone on."""
    await db.execute(
        "UPDATE forks SET open = CASE WHEN compete THEN 1 ELSE (SELECT count(*) FROM scopes s "
        "WHERE s.run = forks.run AND s.fork = forks.fork AND s.output IS NULL) END "
        "WHERE run = %s",
        (run_id,),
    )
