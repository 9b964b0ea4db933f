"""Runs that other runs started, in PostgreSQL: how the end or stop of one reaches the others.

Whatever concerns several of them holds the parent first and goes down level by level, so that
nobody ever waits in a circle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from functions.host.ledger.claims import (
    adopted,
    awaiting,
    awaiting_another,
    cancelled,
    reopened,
    revivable,
    started,
)
from functions.host.ledger.postgres import forks, history, letters, runs, tasks
from functions.host.ledger.rows.history import Entry
from functions.host.ledger.rows.letter import LetterStatus
from functions.host.ledger.rows.run import RunStatus
from functions.host.ledger.rows.task import WORKFLOW, TaskState, Work

if TYPE_CHECKING:
    from typing import LiteralString

    from functions.host.ledger.postgres.connections import Database
    from functions.host.ledger.rows.letter import Letter
    from functions.host.ledger.rows.run import RunRow
    from functions.host.ledger.rows.task import TaskRow
    from functions.host.ledger.rows.transition import ChildEnd, Transition

OF_RUN: Final = "parent = %s"
OF_TASKS: Final = "parent = %s AND caller = ANY(%s)"
OF_SCOPES: Final = (
    "parent = %s AND EXISTS (SELECT 1 FROM tasks t WHERE t.run = runs.parent "
    "AND t.instance = runs.caller AND t.scope >= %s AND t.scope < %s)"
)
"""Which runs are meant: those that a run started; some tasks of it; or those in the scopes whose
names lie between two."""
_OPEN: Final = (RunStatus.RUNNING, RunStatus.SUSPENDED)


async def below(db: Database, which: LiteralString, *arguments: object) -> list[str]:
    """Hold the awaited runs that are meant, and those below; return who has not ended.

    The run that started them is held already, so that it starts no more.
    """
    found: list[str] = []
    while True:
        rows = await db.execute(
            f"SELECT id, status FROM runs WHERE awaited AND {which} "  # noqa: S608 - our own text
            "ORDER BY id FOR NO KEY UPDATE",
            arguments,
        )
        level = await rows.fetchall()
        if not level:
            return found
        found += [run_id for run_id, status in level if status in _OPEN]
        which, arguments = "parent = ANY(%s)", ([run_id for run_id, _ in level],)


async def held(db: Database, run_id: str) -> RunRow | None:
    """Hold a run, and before it the one that awaits it; return it."""
    run = await runs.by_id(db, run_id)
    if run and run.awaited and run.parent:
        await runs.hold(db, run.parent)
    await runs.hold(db, run_id)
    return await runs.by_id(db, run_id)


async def cancel(db: Database, run_ids: list[str], at: float) -> None:
    """End runs that are held and have not ended, and close their tasks."""
    for run_id in run_ids:
        await db.execute(
            "UPDATE runs SET status = 'cancelled', ended_at = %s WHERE id = %s", (at, run_id)
        )
        await db.execute(
            "UPDATE tasks SET state = 'closed', token = token + 1 WHERE run = %s", (run_id,)
        )
        await db.execute("DELETE FROM subscriptions WHERE run = %s", (run_id,))
        await history.append(db, run_id, [Entry("run.cancelled", at)])


async def report_cancelled(db: Database, child: RunRow, at: float) -> None:
    """Tell who awaits it that a run was cancelled."""
    if child.awaited and child.parent:
        await _record(db, child.parent, child.caller, cancelled(child), at)


async def report_end(db: Database, end: ChildEnd) -> None:
    """Record a run's end on the task that awaits it, if one still does."""
    await _record(db, end.run, end.instance, end.outcome, end.due_at)


async def _record(db: Database, run_id: str, instance: str, outcome: str, due_at: float) -> None:
    await db.execute(
        "UPDATE tasks SET state = 'recorded', outcome = %s, due_at = %s "
        "WHERE run = %s AND instance = %s AND state = 'awaiting'",
        (outcome, due_at, run_id, instance),
    )


async def adopt(
    db: Database, seen: Work, child: RunRow, first: Transition, outcome: str | None
) -> bool:
    """Open a child run, if its parent still asks for it."""
    work, _ = await tasks.held(db, seen.task.run, seen.task.instance)
    asked = work and (work.task.state, work.task.attempt) == (
        TaskState.STARTING,
        seen.task.attempt,
    )
    if work is None or not asked or work.run.status is not RunStatus.RUNNING:
        return False
    await tasks.update(db, adopted(work.task, outcome, first.at))
    await history.append(db, work.run.id, [started(work.task, child, first.at)])
    await runs.open_run(db, child, first)
    return True


async def redrive(
    db: Database, letter: Letter, at: float, edited: tuple[str, str] | None
) -> Work | None:
    """Reopen a faulted run at the letter's task: a new attempt, edited input if given."""
    above = await faulted_above(db, letter.run or "")
    work, _ = await tasks.held(db, letter.run or "", letter.instance or "")
    if (
        work is None
        or above is None
        or work.run.status != "faulted"
        or work.task.state is not TaskState.CLOSED
    ):
        return None
    if not await letters.mark(db, letter.id, LetterStatus.OPEN, LetterStatus.REDRIVEN):
        return None
    task = reopened(work.task, at, edited)
    if task.tool == WORKFLOW:  # what is left of the run that the last attempt started
        await cancel(db, await below(db, OF_TASKS, task.run, [task.instance]), at)
    await _revive(db, task, at, {"attempt": task.attempt, "edited": edited is not None})
    for waiting in above:
        await _revive_above(db, awaiting(waiting.task), at)
    return await tasks.one(db, task.run, task.instance)


async def replace_child(db: Database, above: list[Work], child: RunRow) -> None:
    """Have the runs that a fault went up through wait again, the lowest for another child."""
    for number, waiting in enumerate(above):
        task = awaiting(waiting.task) if number else awaiting_another(waiting.task)
        await _revive_above(db, task, child.started_at)
        if not number:
            await history.append(db, task.run, [started(task, child, child.started_at)])


async def _revive_above(db: Database, task: TaskRow, at: float) -> None:
    await _revive(db, task, at, {"attempt": task.attempt, "below": True})


async def faulted_above(db: Database, run_id: str) -> list[Work] | None:
    """Return the tasks that a run's fault went up through; None where one has moved on.

    Their runs are held, the topmost first, and then the run itself.
    """
    run = await runs.by_id(db, run_id)
    callers: list[tuple[str, str]] = []
    while run and run.awaited and run.parent:
        callers.append((run.parent, run.caller))
        run = await runs.by_id(db, run.parent)
    above: list[Work] = []
    for caller in reversed(callers):
        work, _ = await tasks.held(db, *caller)
        if work is None:
            return None
        above.insert(0, work)
    await runs.hold(db, run_id)
    run = await runs.by_id(db, run_id)
    for waiting in above:
        if run is None or not revivable(waiting, run):
            return None
        run = waiting.run
    return above


async def _revive(db: Database, task: TaskRow, at: float, detail: dict[str, int]) -> None:
    await db.execute(  # the time in which the run stood still counts for none of its timers
        "UPDATE tasks SET due_at = due_at + %(at)s - (SELECT ended_at FROM runs "
        "WHERE id = %(run)s) WHERE run = %(run)s AND state = 'waiting'",
        {"at": at, "run": task.run},
    )
    await tasks.update(db, task)
    await db.execute(
        "UPDATE runs SET status = 'running', error = NULL, ended_at = NULL WHERE id = %s",
        (task.run,),
    )
    await forks.redriven(db, task.run)
    await history.append(
        db, task.run, [Entry("redriven", at, task.reference, task.instance, detail)]
    )
