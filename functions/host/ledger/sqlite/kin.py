"""Runs that other runs started, in SQLite: how the end or the stop of one reaches the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from functions.host.ledger.claims import (
    adopted,
    awaiting,
    awaiting_another,
    cancelled,
    reopened,
    revivable,
    started,
)
from functions.host.ledger.rows.history import Entry
from functions.host.ledger.rows.letter import LetterStatus
from functions.host.ledger.rows.run import RunStatus
from functions.host.ledger.rows.task import WORKFLOW, TaskState
from functions.host.ledger.sqlite import forks, history, letters, runs, tasks

if TYPE_CHECKING:
    import sqlite3

    from functions.host.ledger.rows.letter import Letter
    from functions.host.ledger.rows.run import RunRow
    from functions.host.ledger.rows.task import TaskRow, Work
    from functions.host.ledger.rows.transition import ChildEnd, Transition

_BELOW = (
    "WITH RECURSIVE kin (id) AS ({first} UNION ALL SELECT r.id FROM runs r "
    "JOIN kin k ON r.parent = k.id WHERE r.awaited) "
    "SELECT r.id FROM runs r JOIN kin k ON r.id = k.id "
    "WHERE r.status IN ('running', 'suspended') ORDER BY r.depth, r.id"
)
_OF_RUN = "SELECT id FROM runs WHERE parent = ?1 AND awaited"
_OF_TASKS = _OF_RUN + " AND caller IN (SELECT value FROM json_each(?2))"  # noqa: S608 - constants
_OF_SCOPES = (
    _OF_RUN + " AND EXISTS (SELECT 1 FROM tasks t WHERE t.run = parent "  # noqa: S608 - constants
    "AND t.instance = caller AND t.scope >= ?2 AND t.scope < ?3)"
)
BELOW_RUN, BELOW_TASKS, BELOW_SCOPES = (
    _BELOW.format(first=first) for first in (_OF_RUN, _OF_TASKS, _OF_SCOPES)
)
"""What finds the runs that have not ended and are awaited, at any depth: by a run; by some of its
tasks, as a JSON list; or by those in the scopes whose names lie between two."""


def below(db: sqlite3.Connection, query: str, *arguments: object) -> list[str]:
    """Return the ids of the awaited runs that one of the queries finds, parents first."""
    return [row[0] for row in db.execute(query, arguments).fetchall()]


def cancel(db: sqlite3.Connection, run_ids: list[str], at: float) -> None:
    """End runs that have not ended, and close their tasks."""
    for run_id in run_ids:
        db.execute("UPDATE runs SET status = 'cancelled', ended_at = ? WHERE id = ?", (at, run_id))
        db.execute("UPDATE tasks SET state = 'closed', token = token + 1 WHERE run = ?", (run_id,))
        db.execute("DELETE FROM subscriptions WHERE run = ?", (run_id,))
        history.append(db, run_id, [Entry("run.cancelled", at)])


def report_cancelled(db: sqlite3.Connection, child: RunRow, at: float) -> None:
    """Tell who awaits it that a run was cancelled."""
    if child.awaited and child.parent:
        _record(db, child.parent, child.caller, cancelled(child), at)


def report_end(db: sqlite3.Connection, end: ChildEnd) -> None:
    """Record a run's end on the task that awaits it, if one still does."""
    _record(db, end.run, end.instance, end.outcome, end.due_at)


def _record(
    db: sqlite3.Connection, run_id: str, instance: str, outcome: str, due_at: float
) -> None:
    db.execute(
        "UPDATE tasks SET state = 'recorded', outcome = ?, due_at = ? "
        "WHERE run = ? AND instance = ? AND state = 'awaiting'",
        (outcome, due_at, run_id, instance),
    )


def adopt(
    db: sqlite3.Connection, seen: Work, child: RunRow, first: Transition, outcome: str | None
) -> bool:
    """Open a child run, if its parent still asks for it."""
    work = tasks.one(db, seen.task.run, seen.task.instance)
    asked = work and (work.task.state, work.task.attempt) == (
        TaskState.STARTING,
        seen.task.attempt,
    )
    if work is None or not asked or work.run.status is not RunStatus.RUNNING:
        return False
    tasks.update(db, adopted(work.task, outcome, first.at))
    history.append(db, work.run.id, [started(work.task, child, first.at)])
    runs.open_run(db, child, first)
    return True


def redrive(
    db: sqlite3.Connection, letter: Letter, at: float, edited: tuple[str, str] | None
) -> Work | None:
    """Reopen a faulted run at the letter's task: a new attempt, edited input if given."""
    work = tasks.one(db, letter.run or "", letter.instance or "")
    if work is None or work.run.status != "faulted" or work.task.state is not TaskState.CLOSED:
        return None
    above = faulted_above(db, work.run)
    if above is None or not letters.mark(db, letter.id, LetterStatus.OPEN, LetterStatus.REDRIVEN):
        return None
    task = reopened(work.task, at, edited)
    if task.tool == WORKFLOW:  # what is left of the run that the last attempt started
        cancel(db, below(db, BELOW_TASKS, task.run, orjson.dumps([task.instance]).decode()), at)
    _revive(db, task, at, {"attempt": task.attempt, "edited": edited is not None})
    for waiting in above:
        _revive_above(db, awaiting(waiting.task), at)
    return tasks.one(db, task.run, task.instance)


def replace_child(db: sqlite3.Connection, above: list[Work], child: RunRow) -> None:
    """Have the runs that a fault went up through wait again, the lowest for another child."""
    for number, waiting in enumerate(above):
        task = awaiting(waiting.task) if number else awaiting_another(waiting.task)
        _revive_above(db, task, child.started_at)
        if not number:
            history.append(db, task.run, [started(task, child, child.started_at)])


def _revive_above(db: sqlite3.Connection, task: TaskRow, at: float) -> None:
    _revive(db, task, at, {"attempt": task.attempt, "below": True})


def faulted_above(db: sqlite3.Connection, run: RunRow) -> list[Work] | None:
    """Return the tasks that a run's fault went up through; None where one has moved on."""
    found: list[Work] = []
    while run.awaited and run.parent:
        waiting = tasks.one(db, run.parent, run.caller)
        if waiting is None or not revivable(waiting, run):
            return None
        found.append(waiting)
        run = waiting.run
    return found


def _revive(db: sqlite3.Connection, task: TaskRow, at: float, detail: dict[str, int]) -> None:
    db.execute(  # the time in which the run stood still counts for none of its timers
        "UPDATE tasks SET due_at = due_at + ? - (SELECT ended_at FROM runs WHERE id = ?) "
        "WHERE run = ? AND state = 'waiting'",
        (at, task.run, task.run),
    )
    tasks.update(db, task)
    db.execute(
        "UPDATE runs SET status = 'running', error = NULL, ended_at = NULL WHERE id = ?",
        (task.run,),
    )
    forks.redriven(db, task.run)
    history.append(db, task.run, [Entry("redriven", at, task.reference, task.instance, detail)])
