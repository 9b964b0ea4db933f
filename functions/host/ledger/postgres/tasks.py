"""Task rows in PostgreSQL; each function is one transaction's work."""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from functions.host.ledger.claims import (
    Claim,
    Verdict,
    claim_entry,
    claimed,
    decide,
    given_up,
    woken,
)
from functions.host.ledger.postgres import budgets, history, kin, runs
from functions.host.ledger.postgres.schema import RUN, TASK
from functions.host.ledger.rows.task import TaskRow, TaskState, Work

if TYPE_CHECKING:
    from collections.abc import Sequence

    from events.vocabulary import Hop
    from functions.host.ledger.postgres.connections import Database
    from functions.host.ledger.rows.budget import Charge
    from functions.host.ledger.rows.history import Entry
    from functions.host.ledger.rows.transition import Transition

_COLUMNS: Final = ", ".join(TASK)
_MARKS: Final = ", ".join(["%s"] * len(TASK))
_STATE: Final = TASK.index("state")
_OPEN: Final = "AND state <> 'closed'"
"""Said wherever it holds: `tasks_open` indexes these rows alone."""
_OURS: Final = (
    "WHERE run = %s AND instance = %s AND attempt = %s AND token = %s AND state = 'claimed' "
    "RETURNING 1"
)
_WORKS: Final = (
    f"SELECT {', '.join('t.' + name for name in TASK)}, "  # noqa: S608 - constants
    f"{', '.join('r.' + name for name in RUN)}, s.state, s.rev "
    "FROM runs r JOIN tasks t ON t.run = r.id "
    "LEFT JOIN scopes s ON s.run = t.run AND s.scope = t.scope "
)
_values = attrgetter(*TASK)
_CHANGING: Final = (
    "attempt", "edition", "event_id", "input", "input_digest", "state", "due_at", "token",
    "claims", "emissions", "outcome", "requested_at",
)  # fmt: skip
_changed = attrgetter(*_CHANGING, "run", "instance")


def read(row: Sequence[Any]) -> TaskRow:
    """Build a task from its columns."""
    values = list(row)
    values[_STATE] = TaskState(values[_STATE])
    return TaskRow(*values)


def _work(row: Sequence[Any]) -> Work:
    return Work(read(row[: len(TASK)]), runs.read(row[len(TASK) : -2]))


async def one(db: Database, run_id: str, instance: str) -> Work | None:
    """Return a task with its run."""
    found = await db.execute(f"{_WORKS} WHERE t.run = %s AND t.instance = %s", (run_id, instance))
    row = await found.fetchone()
    return _work(row) if row else None


async def held(
    db: Database, run_id: str, instance: str
) -> tuple[Work | None, tuple[str, int] | None]:
    """Lock a run and one task; return them, and the scope's packed state and revision.

    Where one of them was waited for, both are read again; the scope may be an older one then, and
    what is computed on that does not stand.
    """
    found = await db.execute(
        f"{_WORKS} WHERE t.run = %s AND t.instance = %s FOR NO KEY UPDATE OF r, t",
        (run_id, instance),
    )
    row = await found.fetchone()
    return (_work(row), (row[-2] or "", row[-1] or 0)) if row else (None, None)


async def of_run(db: Database, run_id: str, *, closed: bool) -> list[TaskRow]:
    """Return tasks of a run."""
    found = await db.execute(
        f"SELECT {_COLUMNS} FROM tasks WHERE run = %s {'' if closed else _OPEN} "  # noqa: S608
        "ORDER BY requested_at, instance",
        (run_id,),
    )
    return [read(row) for row in await found.fetchall()]


async def insert(db: Database, rows: Sequence[TaskRow]) -> None:
    """Open rows; a transition never opens one twice, the revision sees to that."""
    if rows:
        await db.cursor().executemany(
            f"INSERT INTO tasks ({_COLUMNS}) VALUES ({_MARKS})",  # noqa: S608 - constants
            [_values(row) for row in rows],
        )


async def offer(db: Database, rows: Sequence[TaskRow]) -> None:
    """Open rows, but those that are there."""
    if rows:
        await db.cursor().executemany(
            f"INSERT INTO tasks ({_COLUMNS}) VALUES ({_MARKS}) ON CONFLICT DO NOTHING",  # noqa: S608
            [_values(row) for row in rows],
        )


async def claim(db: Database, hop: Hop, now: float, lease: float, *, cold: bool) -> Claim:
    """Decide, and take the lease when the verdict says so."""
    work, scope = await held(db, hop.run, hop.instance)
    if work is None and (run := await runs.by_id(db, hop.run)) and run.archived:
        return Claim(Verdict.NOTHING, reason="the run is over and archived")
    verdict, reason = decide(work, hop, now)
    if verdict is not Verdict.CLAIM or work is None:
        return Claim(verdict, work, reason)
    task = claimed(work.task, now, lease)
    taken = (
        "UPDATE tasks SET state = %s, token = %s, claims = %s, due_at = %s "
        "WHERE run = %s AND instance = %s"
    )
    values = task.state, task.token, task.claims, task.due_at, task.run, task.instance
    await history.append(db, task.run, [claim_entry(task, now, cold=cold)], (taken, values))
    return Claim(verdict, replace(work, task=task), reason, scope)


async def seen(db: Database, tool: str, major: int, now: float) -> None:
    """Note that a tool claims what it is asked for."""
    await db.execute(
        "INSERT INTO tools (tool, major, claimed_at) VALUES (%s, %s, %s) "
        "ON CONFLICT (tool, major) DO UPDATE SET claimed_at = excluded.claimed_at",
        (tool, major, now),
    )


async def update(db: Database, task: TaskRow) -> None:
    """Write a row as it now is."""
    await db.execute(
        f"UPDATE tasks SET {', '.join(f'{name} = %s' for name in _CHANGING)} "  # noqa: S608
        "WHERE run = %s AND instance = %s",
        _changed(task),
    )


async def heartbeat(db: Database, task: TaskRow, due_at: float) -> bool:
    """Extend a live claim."""
    done = await db.execute(f"UPDATE tasks SET due_at = %s {_OURS}", (due_at, *_ours(task)))  # noqa: S608
    return await done.fetchone() is not None


async def record(
    db: Database, task: TaskRow, outcome: str, due_at: float, charge: Charge | None
) -> bool:
    """Write the outcome under our claim."""
    done = await db.execute(
        f"UPDATE tasks SET state = 'recorded', outcome = %s, due_at = %s {_OURS}",  # noqa: S608
        (outcome, due_at, *_ours(task)),
    )
    recorded = await done.fetchone() is not None
    if recorded and charge:
        await budgets.charge(db, task.run, task.instance, charge)
    return recorded


async def park(
    db: Database, task: TaskRow, due_at: float, entry: Entry, charge: Charge | None
) -> bool:
    """Set the timer of the next attempt."""
    await runs.hold(db, task.run)
    done = await db.execute(
        f"UPDATE tasks SET state = 'retrying', due_at = %s {_OURS}",  # noqa: S608 - constant
        (due_at, *_ours(task)),
    )
    parked = await done.fetchone() is not None
    if parked:
        await history.append(db, task.run, [entry])
        if charge:
            await budgets.charge(db, task.run, task.instance, charge)
    return parked


def _ours(task: TaskRow) -> tuple[str, str, int, int]:
    return task.run, task.instance, task.attempt, task.token


async def close(db: Database, step: Transition) -> bool:
    """Close the row a transition settles, if what the transition was computed on stands.

    A fault nobody catches closes it too: redrive opens it again, as a new attempt.
    """
    done = await db.execute(
        "UPDATE tasks SET state = 'closed', outcome = coalesce(%(outcome)s, outcome) "
        "WHERE run = %(run)s AND instance = %(closes)s AND token = %(token)s AND "
        "(state IN ('recorded', 'waiting') OR "
        "(state = 'claimed' AND %(outcome)s::text IS NOT NULL)) AND EXISTS "
        "(SELECT 1 FROM scopes s JOIN runs r ON r.id = s.run WHERE s.run = %(run)s "
        "AND s.scope = %(scope)s AND s.rev = %(rev)s AND r.status = 'running') RETURNING 1",
        {
            "outcome": step.outcome,
            "run": step.run,
            "closes": step.closes,
            "token": step.token,
            "scope": step.scope,
            "rev": step.expected_rev,
        },
    )
    return await done.fetchone() is not None


async def shut(db: Database, run_id: str, instances: Sequence[str], at: float) -> None:
    """Close rows whatever they are doing; a new token shuts out who holds one.

    The runs that they await are cancelled.
    """
    if instances:
        given = run_id, list(instances)
        await db.execute(
            "UPDATE tasks SET state = 'closed', token = token + 1 "
            "WHERE run = %s AND instance = ANY(%s) AND state <> 'closed'",
            given,
        )
        await kin.cancel(db, await kin.below(db, kin.OF_TASKS, *given), at)


async def after(db: Database, run_id: str, cause: str, state: TaskState) -> list[Work]:
    """Return what an outcome opened and still is in the state that it was opened in."""
    found = await db.execute(
        f"{_WORKS} WHERE t.run = %s AND t.cause = %s AND t.state = %s AND t.state <> 'closed' "
        "ORDER BY t.instance",
        (run_id, cause, state),
    )
    return [_work(row) for row in await found.fetchall()]


async def overdue(db: Database, now: float, limit: int, machine: int) -> list[Work]:
    """Return open tasks of running runs whose deadline passed, the longest overdue first."""
    found = await db.execute(
        f"{_WORKS} WHERE t.state <> 'closed' AND t.due_at <= %s AND r.status = 'running' "  # noqa: S608 - our own names
        "AND (r.machine = %s OR t.state NOT IN ('recorded', 'waiting', 'listening')) "
        "AND coalesce((SELECT s.rev FROM scopes s WHERE s.run = t.run AND s.scope = t.scope), 0) "
        ">= 0 ORDER BY t.due_at, t.requested_at LIMIT %s",
        (now, machine, limit),
    )
    return [_work(row) for row in await found.fetchall()]


async def progress(db: Database, tool: str, major: int) -> float:
    """Return when the tool last claimed anything, 0 when never."""
    found = await db.execute(
        "SELECT claimed_at FROM tools WHERE tool = %s AND major = %s", (tool, major)
    )
    row = await found.fetchone()
    return float(row[0]) if row else 0.0


async def wake(db: Database, seen: Work, now: float, grace: float) -> Work | None:
    """Make an overdue task claimable and due again; a parked one gets its next attempt."""
    work = await _unmoved(db, seen)
    if work is None:
        return None
    task = woken(work.task, now, grace)
    await update(db, task)
    return replace(work, task=task)


async def give_up(db: Database, seen: Work, outcome: str, now: float) -> TaskRow | None:
    """Record a fault where no host did; the new token shuts out a late one."""
    work = await _unmoved(db, seen)
    if work is None:
        return None
    task = given_up(work.task, outcome, now)
    await update(db, task)
    return task


_standing = attrgetter("state", "token", "attempt", "due_at")


async def _unmoved(db: Database, seen: Work) -> Work | None:
    work, _ = await held(db, seen.task.run, seen.task.instance)
    if work is None or work.task.state is TaskState.CLOSED:
        return None
    return work if _standing(work.task) == _standing(seen.task) else None
