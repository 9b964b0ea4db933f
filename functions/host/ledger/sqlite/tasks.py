"""Task rows in SQLite; each function is one transaction's work."""

from __future__ import annotations

from dataclasses import astuple, replace
from typing import TYPE_CHECKING, Any

import orjson

from functions.host.ledger.claims import (
    Claim,
    Verdict,
    claim_entry,
    claimed,
    decide,
    given_up,
    woken,
)
from functions.host.ledger.rows.task import TaskRow, TaskState, Work
from functions.host.ledger.sqlite import budgets, history, kin, runs
from functions.host.ledger.sqlite.schema import RUN, TASK

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from events.vocabulary import Hop
    from functions.host.ledger.rows.budget import Charge
    from functions.host.ledger.rows.history import Entry
    from functions.host.ledger.rows.transition import Transition

COLUMNS = ", ".join(TASK)
_STATE = TASK.index("state")
_OPEN = "AND state <> 'closed'"
"""Said wherever it holds: `tasks_open` indexes these rows alone."""
_OURS = "WHERE run = ? AND instance = ? AND attempt = ? AND token = ?"


def read(row: Sequence[Any]) -> TaskRow:
    """Build a task from its columns."""
    values = list(row)
    values[_STATE] = TaskState(values[_STATE])
    return TaskRow(*values)


_ONE = (
    f"SELECT {', '.join('t.' + name for name in TASK)}, "  # noqa: S608 - constants
    f"{', '.join('r.' + name for name in RUN)}, s.state, s.rev "
    "FROM tasks t JOIN runs r ON r.id = t.run "
    "LEFT JOIN scopes s ON s.run = t.run AND s.scope = t.scope "
    "WHERE t.run = ? AND t.instance = ?"
)


def one(db: sqlite3.Connection, run_id: str, instance: str) -> Work | None:
    """Return a task with its run."""
    work, _ = _with_scope(db, run_id, instance)
    return work


def _with_scope(
    db: sqlite3.Connection, run_id: str, instance: str
) -> tuple[Work | None, tuple[str, int] | None]:
    """Return a task with its run, and its scope's packed state and revision."""
    row = db.execute(_ONE, (run_id, instance)).fetchone()
    if row is None:
        return None, None
    return Work(read(row[: len(TASK)]), runs.read(row[len(TASK) : -2])), (
        row[-2] or "",
        row[-1] or 0,
    )


def of_run(db: sqlite3.Connection, run_id: str, *, closed: bool) -> list[TaskRow]:
    """Return tasks of a run."""
    which = "WHERE run = ?" if closed else f"INDEXED BY tasks_open WHERE run = ? {_OPEN}"
    rows = db.execute(
        f"SELECT {COLUMNS} FROM tasks {which} ORDER BY requested_at, instance",  # noqa: S608
        (run_id,),
    )
    return [read(row) for row in rows.fetchall()]


def insert(db: sqlite3.Connection, rows: Sequence[TaskRow]) -> None:
    """Open rows; a transition never opens one twice, the revision sees to that."""
    if rows:
        marks = ", ".join("?" * len(TASK))
        db.executemany(f"INSERT INTO tasks VALUES ({marks})", [astuple(row) for row in rows])  # noqa: S608


def offer(db: sqlite3.Connection, rows: Sequence[TaskRow]) -> None:
    """Open rows, but those that are there."""
    if rows:
        marks = ", ".join("?" * len(TASK))
        db.executemany(
            f"INSERT OR IGNORE INTO tasks VALUES ({marks})",  # noqa: S608
            [astuple(row) for row in rows],
        )


def claim(db: sqlite3.Connection, hop: Hop, now: float, lease: float, cold: bool) -> Claim:
    """Decide, and take the lease when the verdict says so."""
    work, scope = _with_scope(db, hop.run, hop.instance)
    if work is None and (run := runs.by_id(db, hop.run)) and run.archived:
        return Claim(Verdict.NOTHING, reason="the run is over and archived")
    verdict, reason = decide(work, hop, now)
    if verdict is not Verdict.CLAIM or work is None:
        return Claim(verdict, work, reason)
    task = claimed(work.task, now, lease)
    db.execute(
        "UPDATE tasks SET state = ?, token = ?, claims = ?, due_at = ? "
        "WHERE run = ? AND instance = ?",
        (task.state, task.token, task.claims, task.due_at, task.run, task.instance),
    )
    history.append(db, task.run, [claim_entry(task, now, cold=cold)])
    return Claim(verdict, replace(work, task=task), reason, scope)


def seen(db: sqlite3.Connection, tool: str, major: int, now: float) -> None:
    """Note that a tool claims what it is asked for."""
    db.execute("REPLACE INTO tools VALUES (?, ?, ?)", (tool, major, now))


def update(db: sqlite3.Connection, task: TaskRow) -> None:
    """Write a row as it now is."""
    db.execute(
        "UPDATE tasks SET attempt = ?, edition = ?, event_id = ?, input = ?, input_digest = ?, "
        "state = ?, due_at = ?, token = ?, claims = ?, emissions = ?, outcome = ?, "
        "requested_at = ? WHERE run = ? AND instance = ?",
        (
            task.attempt,
            task.edition,
            task.event_id,
            task.input,
            task.input_digest,
            task.state,
            task.due_at,
            task.token,
            task.claims,
            task.emissions,
            task.outcome,
            task.requested_at,
            task.run,
            task.instance,
        ),
    )


def _ours(task: TaskRow) -> tuple[str, str, int, int]:
    return task.run, task.instance, task.attempt, task.token


def heartbeat(db: sqlite3.Connection, task: TaskRow, due_at: float) -> bool:
    """Extend a live claim."""
    done = db.execute(
        f"UPDATE tasks SET due_at = ? {_OURS} AND state = 'claimed'",  # noqa: S608 - constant
        (due_at, *_ours(task)),
    )
    return done.rowcount == 1


def record(
    db: sqlite3.Connection, task: TaskRow, outcome: str, due_at: float, charge: Charge | None
) -> bool:
    """Write the outcome under our claim."""
    done = db.execute(
        f"UPDATE tasks SET state = 'recorded', outcome = ?, due_at = ? {_OURS} "  # noqa: S608
        "AND state = 'claimed'",
        (outcome, due_at, *_ours(task)),
    )
    if done.rowcount == 1 and charge:
        budgets.charge(db, task.run, task.instance, charge)
    return done.rowcount == 1


def park(
    db: sqlite3.Connection, task: TaskRow, due_at: float, entry: Entry, charge: Charge | None
) -> bool:
    """Set the timer of the next attempt."""
    done = db.execute(
        f"UPDATE tasks SET state = 'retrying', due_at = ? {_OURS} AND state = 'claimed'",  # noqa: S608
        (due_at, *_ours(task)),
    )
    if done.rowcount == 1:
        history.append(db, task.run, [entry])
        if charge:
            budgets.charge(db, task.run, task.instance, charge)
    return done.rowcount == 1


def close(db: sqlite3.Connection, step: Transition) -> bool:
    """Close the row a transition settles, if what the transition was computed on stands.

    A fault nobody catches closes it too: redrive opens it again, as a new attempt.
    """
    done = db.execute(
        "UPDATE tasks SET state = 'closed', outcome = coalesce(?1, outcome) WHERE run = ?2 "
        "AND instance = ?3 AND token = ?4 AND "
        "(state IN ('recorded', 'waiting') OR (state = 'claimed' AND ?1 IS NOT NULL)) AND EXISTS "
        "(SELECT 1 FROM scopes s JOIN runs r ON r.id = s.run WHERE s.run = ?2 AND s.scope = ?5 "
        "AND s.rev = ?6 AND r.status = 'running')",
        (step.outcome, step.run, step.closes, step.token, step.scope, step.expected_rev),
    )
    return done.rowcount == 1


def shut(db: sqlite3.Connection, run_id: str, instances: Sequence[str], at: float) -> None:
    """Close rows whatever they are doing; a new token shuts out who holds one.

    The runs that they await are cancelled.
    """
    if instances:
        given = run_id, orjson.dumps(instances).decode()
        db.execute(
            "UPDATE tasks SET state = 'closed', token = token + 1 WHERE run = ? AND state <> "
            "'closed' AND instance IN (SELECT value FROM json_each(?))",
            given,
        )
        kin.cancel(db, kin.below(db, kin.BELOW_TASKS, *given), at)


def after(db: sqlite3.Connection, run_id: str, cause: str, state: TaskState) -> list[Work]:
    """Return what an outcome opened and still is in the state that it was opened in."""
    rows = db.execute(
        f"SELECT {COLUMNS} FROM tasks WHERE run = ? AND cause = ? AND state = ? {_OPEN}",  # noqa: S608
        (run_id, cause, state),
    ).fetchall()
    run = runs.by_id(db, run_id)
    return [Work(read(row), run) for row in rows] if run else []


def overdue(db: sqlite3.Connection, now: float, limit: int, machine: int) -> list[Work]:
    """Return open tasks of running runs whose deadline passed, the longest overdue first."""
    rows = db.execute(
        "SELECT t.run, t.instance FROM tasks t JOIN runs r ON r.id = t.run "
        "WHERE t.state <> 'closed' AND t.due_at <= ? AND r.status = 'running' "
        "AND (r.machine = ? OR t.state NOT IN ('recorded', 'waiting', 'listening')) "
        "AND coalesce((SELECT s.rev FROM scopes s WHERE s.run = t.run AND s.scope = t.scope), 0) "
        ">= 0 ORDER BY t.due_at, t.requested_at LIMIT ?",
        (now, machine, limit),
    ).fetchall()
    found = (one(db, run_id, instance) for run_id, instance in rows)
    return [work for work in found if work is not None]


def progress(db: sqlite3.Connection, tool: str, major: int) -> float:
    """Return when the tool last claimed anything, 0 when never."""
    row = db.execute(
        "SELECT claimed_at FROM tools WHERE tool = ? AND major = ?", (tool, major)
    ).fetchone()
    return float(row[0]) if row else 0.0


def wake(db: sqlite3.Connection, seen: Work, now: float, grace: float) -> Work | None:
    """Make an overdue task claimable and due again; a parked one gets its next attempt."""
    work = _unmoved(db, seen)
    if work is None:
        return None
    task = woken(work.task, now, grace)
    update(db, task)
    return replace(work, task=task)


def give_up(db: sqlite3.Connection, seen: Work, outcome: str, now: float) -> TaskRow | None:
    """Record a fault where no host did; the new token shuts out a late one."""
    work = _unmoved(db, seen)
    if work is None:
        return None
    task = given_up(work.task, outcome, now)
    update(db, task)
    return task


def _unmoved(db: sqlite3.Connection, seen: Work) -> Work | None:
    work = one(db, seen.task.run, seen.task.instance)
    if work is None or work.task.state is TaskState.CLOSED:
        return None
    same = (work.task.state, work.task.token, work.task.attempt, work.task.due_at) == (
        seen.task.state,
        seen.task.token,
        seen.task.attempt,
        seen.task.due_at,
    )
    return work if same else None
