"""Forks in PostgreSQL: a row for each with what is still open, and a scope for each branch.

A branch's end touches its own scope and the counter, never its siblings: a fork costs time
linear in its width.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.host.ledger.claims import turn_of
from functions.host.ledger.fanning import FORK, SCOPE, fork_rows, in_vain, scope_rows
from functions.host.ledger.postgres import kin, parts, tasks

if TYPE_CHECKING:
    from functions.host.ledger.postgres.connections import Database
    from functions.host.ledger.rows.fork import Join
    from functions.host.ledger.rows.transition import Transition

_WITHIN = "run = %s AND scope >= %s AND scope < %s"
_NEW_SCOPE = f"INSERT INTO scopes ({', '.join(SCOPE)}) VALUES ({', '.join('%s' for _ in SCOPE)})"  # noqa: S608
_NEW_FORK = f"INSERT INTO forks ({', '.join(FORK)}) VALUES ({', '.join('%s' for _ in FORK)})"  # noqa: S608


async def begin(db: Database, step: Transition) -> None:
    """Open the scopes of new forks, and count what must end in each."""
    if step.forks:
        await db.cursor().executemany(_NEW_SCOPE, scope_rows(step))
        await db.cursor().executemany(_NEW_FORK, fork_rows(step))


async def join(db: Database, step: Transition, join: Join) -> Transition:
    """End a branch; open the fork's own row when that was the last, or the one that counts.

    Returns what of the step counts. A branch that faults stands still from there on, whatever else
    it is told; its revision says so by its sign. A fault after the fork is over leaves the task
    recorded, or the timer that led to it due: should the run be redriven, the fault is told then.
    For the same reason a branch that completes then is still the next one's turn.
    """
    if join.output is not None:
        await db.execute(
            "UPDATE scopes SET state = %s, rev = rev + 1, output = %s "
            "WHERE run = %s AND scope = %s",
            (step.state, join.output, step.run, step.scope),
        )
        await parts.swap(db, step)
    else:
        await db.execute(
            "UPDATE scopes SET rev = -rev WHERE run = %s AND scope = %s", (step.run, step.scope)
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
            "UPDATE tasks SET state = "
            "CASE WHEN outcome IS NULL THEN 'waiting' ELSE 'recorded' END, "
            "due_at = %s WHERE run = %s AND instance = %s",
            (join.row.due_at, step.run, step.closes),
        )
        return in_vain(step)
    if join.turn is not None and join.output is not None:
        await _take_turns(db, step, join)
    return step


async def _take_turns(db: Database, step: Transition, join: Join) -> None:
    """Let the next branch begin, if there is one that has not."""
    found = await db.execute(
        "UPDATE forks SET begun = begun + 1 WHERE run = %s AND fork = %s AND begun < width "
        "RETURNING (SELECT s.scope FROM scopes s WHERE s.run = forks.run AND s.fork = forks.fork "
        "AND s.number = forks.begun - 1)",
        (step.run, join.row.instance),
    )
    following = await found.fetchone()
    if following is not None and join.turn is not None:
        await tasks.insert(db, [turn_of(join.turn, following[0])])


async def shut(db: Database, run_id: str, fork: str, prefix: str, at: float) -> None:
    """Close everything in a fork's scopes, those of forks within them included."""
    bounds = run_id, prefix, prefix[:-1] + chr(ord(prefix[-1]) + 1)
    await kin.cancel(db, await kin.below(db, kin.OF_SCOPES, *bounds), at)
    await db.execute(
        f"UPDATE tasks SET state = 'closed', token = token + 1 WHERE {_WITHIN} "  # noqa: S608
        "AND state <> 'closed'",
        bounds,
    )
    for table in ("scopes", "parts", "forks", "subscriptions"):
        await db.execute(f"DELETE FROM {table} WHERE {_WITHIN}", bounds)  # noqa: S608 - our own names
    await db.execute("DELETE FROM forks WHERE run = %s AND fork = %s", (run_id, fork))


async def redriven(db: Database, run_id: str) -> None:
    """Count again what is open: a redriven run's forks are over only once it has gone on.

    The branches that faulted go on too.
    """
    await db.execute("UPDATE scopes SET rev = -rev WHERE run = %s AND rev < 0", (run_id,))
    await db.execute(
        "UPDATE forks SET open = CASE WHEN compete THEN 1 ELSE (SELECT count(*) FROM scopes s "
        "WHERE s.run = forks.run AND s.fork = forks.fork AND s.output IS NULL) END "
        "WHERE run = %s",
        (run_id,),
    )
