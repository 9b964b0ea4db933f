"""Forks in SQLite: a row for each with what is still open, and a scope for each branch.

A branch's end touches its own scope and the counter, never its siblings: a fork costs time
linear in its width.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.host.ledger.claims import turn_of
from functions.host.ledger.fanning import FORK, SCOPE, fork_rows, in_vain, scope_rows
from functions.host.ledger.sqlite import kin, parts, tasks

if TYPE_CHECKING:
    import sqlite3

    from functions.host.ledger.rows.fork import Join
    from functions.host.ledger.rows.transition import Transition

_WITHIN = "run = ?1 AND scope >= ?2 AND scope < ?3"
_NEW_SCOPE = f"INSERT INTO scopes ({', '.join(SCOPE)}) VALUES ({', '.join('?' for _ in SCOPE)})"  # noqa: S608
_NEW_FORK = f"INSERT INTO forks ({', '.join(FORK)}) VALUES ({', '.join('?' for _ in FORK)})"  # noqa: S608


def begin(db: sqlite3.Connection, step: Transition) -> None:
    """Open the scopes of new forks, and count what must end in each."""
    if step.forks:
        db.executemany(_NEW_SCOPE, scope_rows(step))
        db.executemany(_NEW_FORK, fork_rows(step))


def join(db: sqlite3.Connection, step: Transition, join: Join) -> Transition:
    """End a branch; open the fork's own row when that was the last, or the one that counts.

    Returns what of the step counts. A branch that faults stands still from there on, whatever else
    it is told; its revision says so by its sign. A fault after the fork is over leaves the task
    recorded, or the timer that led to it due: should the run be redriven, the fault is told then.
    For the same reason a branch that completes then is still the next one's turn.
    """
    if join.output is not None:
        db.execute(
            "UPDATE scopes SET state = ?, rev = rev + 1, output = ? WHERE run = ? AND scope = ?",
            (step.state, join.output, step.run, step.scope),
        )
        parts.swap(db, step)
    else:
        db.execute(
            "UPDATE scopes SET rev = -rev WHERE run = ? AND scope = ?", (step.run, step.scope)
        )
    told = db.execute(
        "UPDATE forks SET open = CASE WHEN ? THEN 0 ELSE open - 1 END "
        "WHERE run = ? AND fork = ? AND open > 0 RETURNING open",
        (join.outright, step.run, join.row.instance),
    ).fetchone()
    if told is not None and told[0] == 0:
        db.execute(
            "DELETE FROM tasks WHERE run = ? AND instance = ?", (step.run, join.row.instance)
        )
        tasks.insert(db, [join.row])
    elif told is None and join.output is None:
        db.execute(
            "UPDATE tasks SET state = "
            "CASE WHEN outcome IS NULL THEN 'waiting' ELSE 'recorded' END, "
            "due_at = ? WHERE run = ? AND instance = ?",
            (join.row.due_at, step.run, step.closes),
        )
        return in_vain(step)
    if join.turn is not None and join.output is not None:
        _take_turns(db, step, join)
    return step


def _take_turns(db: sqlite3.Connection, step: Transition, join: Join) -> None:
    """Let the next branch begin, if there is one that has not."""
    following = db.execute(
        "UPDATE forks SET begun = begun + 1 WHERE run = ?1 AND fork = ?2 AND begun < width "
        "RETURNING (SELECT scope FROM scopes WHERE run = ?1 AND fork = ?2 AND number = begun - 1)",
        (step.run, join.row.instance),
    ).fetchone()
    if following is not None and join.turn is not None:
        tasks.insert(db, [turn_of(join.turn, following[0])])


def shut(db: sqlite3.Connection, run_id: str, fork: str, prefix: str, at: float) -> None:
    """Close everything in a fork's scopes, those of forks within them included."""
    bounds = run_id, prefix, prefix[:-1] + chr(ord(prefix[-1]) + 1)
    kin.cancel(db, kin.below(db, kin.BELOW_SCOPES, *bounds), at)
    db.execute(
        f"UPDATE tasks SET state = 'closed', token = token + 1 WHERE {_WITHIN} "  # noqa: S608
        "AND state <> 'closed'",
        bounds,
    )
    for table in ("scopes", "parts", "forks", "subscriptions"):
        db.execute(f"DELETE FROM {table} WHERE {_WITHIN}", bounds)  # noqa: S608 - our own names
    db.execute("DELETE FROM forks WHERE run = ? AND fork = ?", (run_id, fork))


def redriven(db: sqlite3.Connection, run_id: str) -> None:
    """Count again what is open: a redriven run's forks are over only once it has gone on.

    The branches that faulted go on too.
    """
    db.execute("UPDATE scopes SET rev = -rev WHERE run = ? AND rev < 0", (run_id,))
    db.execute(
        "UPDATE forks SET open = CASE WHEN compete THEN 1 ELSE (SELECT count(*) FROM scopes s "
        "WHERE s.run = forks.run AND s.fork = forks.fork AND s.output IS NULL) END "
        "WHERE run = ?",
        (run_id,),
    )
