"""What a host may do with a hop event, and what rows become; from the rows alone, so pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TYPE_CHECKING

import orjson

from events.errors import ErrorType, Problem
from events.flow.advance.timers import ATTEMPT, TIMEOUT
from events.vocabulary import child_id, hop_id
from functions.host.ledger.rows.history import Entry
from functions.host.ledger.rows.run import RunStatus
from functions.host.ledger.rows.task import NEVER, WORKFLOW, TaskState
from functions.host.outcomes import Outcome

if TYPE_CHECKING:
    from events.vocabulary import Hop
    from functions.host.ledger.rows.run import RunRow
    from functions.host.ledger.rows.task import TaskRow, Work


TURN = "turn"
"""The outcome of a row that lets a dormant branch begin: no packed value."""


class Verdict(Enum):
    """The one answer to 'this event has arrived'."""

    CLAIM = auto()
    """Take the lease and run the handler."""
    SETTLE = auto()
    """An outcome stands recorded and whoever recorded it is gone: advance from it."""
    AGAIN = auto()
    """The row is closed: emit its recorded events once more."""
    NOTHING = auto()
    """Someone holds it, or it is superseded, parked or its scope is closed."""
    FORGED = auto()
    """No row, or not the row the event speaks of: a dead letter at once."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A verdict with the row it was reached on (as it stands after a CLAIM)."""

    verdict: Verdict
    work: Work | None = None
    reason: str = ""
    scope: tuple[str, int] | None = None
    """The task's scope as it stood at the claim: packed state and revision."""


def decide(work: Work | None, hop: Hop, now: float) -> tuple[Verdict, str]:
    """Return the verdict on `hop` given its row, and the reason in words."""
    if work is None:
        return Verdict.FORGED, f"run {hop.run} has no task {hop.instance}"
    task = work.task
    if _forged(task, hop):
        return Verdict.FORGED, f"the event does not match the ledger's row of {hop.instance}"
    if hop.attempt < task.attempt or hop.event_id != task.event_id:
        return Verdict.NOTHING, "a later attempt has replaced this one"
    if task.state is TaskState.CLOSED:
        return Verdict.AGAIN, "the task is closed"
    if work.run.status is not RunStatus.RUNNING:
        return Verdict.NOTHING, f"the run is {work.run.status}"
    return _open(task, now)


def _forged(task: TaskRow, hop: Hop) -> bool:
    same_tool = hop.tool == task.tool and hop.major == task.major
    if not same_tool or hop.attempt > task.attempt:
        return True
    current = hop.attempt == task.attempt and hop.event_id == task.event_id
    return current and hop.input_digest != task.input_digest


def _open(task: TaskRow, now: float) -> tuple[Verdict, str]:
    if task.state is TaskState.REQUESTED:
        return Verdict.CLAIM, "requested"
    if task.state is TaskState.CLAIMED and task.due_at <= now:
        return Verdict.CLAIM, "the former claim's lease ran out"
    if task.state is TaskState.RECORDED and task.due_at <= now:
        return Verdict.SETTLE, "recorded, but not advanced in time"
    return Verdict.NOTHING, f"the task is {task.state}"


def claimed(task: TaskRow, now: float, lease: float) -> TaskRow:
    """Return a row with its lease taken; the new token shuts out whoever had it before."""
    return replace(
        task,
        state=TaskState.CLAIMED,
        token=task.token + 1,
        claims=task.claims + 1,
        due_at=now + lease,
    )


def claim_entry(task: TaskRow, now: float, *, cold: bool) -> Entry:
    """Return the line about a claim; `claims` says that one before it came to nothing."""
    waited = round((now - task.requested_at) * 1000, 3)
    detail = {"cold": cold, "attempt": task.attempt, "queuedMs": waited}
    if task.claims > 1:
        detail["claims"] = task.claims
    return Entry("task.claimed", now, task.reference, task.instance, detail)


def turn_of(template: TaskRow, scope: str) -> TaskRow:
    """Return the row that lets the branch in a scope begin: whoever settles it begins it."""
    instance = f"~turn@{scope}"
    event_id = hop_id(template.run, instance, 1)
    return replace(template, instance=instance, scope=scope, event_id=event_id, outcome=TURN)


def woken(task: TaskRow, now: float, grace: float) -> TaskRow:
    """Return an overdue row as claimable and due again; a parked one gets its next attempt."""
    if task.state is TaskState.RETRYING:
        attempt = task.attempt + 1
        task = replace(
            task,
            attempt=attempt,
            event_id=hop_id(task.run, task.instance, attempt),
            emissions=0,
            claims=0,
            requested_at=now,
        )
    due_at = now + grace * 2 ** min(task.emissions, 6)
    return replace(task, state=TaskState.REQUESTED, due_at=due_at, emissions=task.emissions + 1)


def given_up(task: TaskRow, outcome: str, now: float) -> TaskRow:
    """Return a row with a fault where no host recorded one; the new token shuts out a late one."""
    return replace(
        task, state=TaskState.RECORDED, outcome=outcome, token=task.token + 1, due_at=now
    )


def adopted(task: TaskRow, outcome: str | None, at: float) -> TaskRow:
    """Return a row whose child run is open: it waits for that, or has its outcome already."""
    if outcome is None:
        return replace(task, state=TaskState.AWAITING, due_at=NEVER)
    return replace(task, state=TaskState.RECORDED, outcome=outcome, due_at=at)


def started(task: TaskRow, child: RunRow, at: float) -> Entry:
    """Return the line about a task whose child run is open."""
    detail = {"run": child.id, "flow": child.flow, "awaited": child.awaited}
    return Entry("child.started", at, task.reference, task.instance, detail)


def awaiting(task: TaskRow) -> TaskRow:
    """Return a row whose child run goes on after a fault."""
    return replace(task, state=TaskState.AWAITING, due_at=NEVER, outcome=None, token=task.token + 1)


def awaiting_another(task: TaskRow) -> TaskRow:
    """Return a row that waits for a run which takes the place of the one that faulted.

    It is the run of the next attempt, `events.vocabulary.child_id`: nothing that the other one
    still says is about this row any more.
    """
    attempt = task.attempt + 1
    event_id = hop_id(task.run, task.instance, attempt)
    return replace(awaiting(task), attempt=attempt, event_id=event_id)


def revivable(waiting: Work, child: RunRow) -> bool:
    """Whether a run stands where the fault of this child left it."""
    task = waiting.task
    return (
        waiting.run.status is RunStatus.FAULTED
        and task.state is TaskState.CLOSED
        and child.id == child_id(task.run, task.instance, task.attempt)
    )


def cancelled(child: RunRow) -> str:
    """Return what the parent of a run that was cancelled is told; it is short, so packed as is."""
    detail = f"run {child.id} of {child.flow} was cancelled"
    problem = Problem(ErrorType.RUNTIME, 500, "Run cancelled", detail)
    return orjson.dumps(Outcome(problem=problem).to_json()).decode()


def reopened(task: TaskRow, at: float, edited: tuple[str, str] | None) -> TaskRow:
    """Return a redriven row: a new attempt, with the packed input and digest that were edited.

    A limit of time that ran out begins anew; what another timer led to is done again at once.
    """
    attempt = task.attempt + 1
    packed, digest = edited or (task.input, task.input_digest)
    state, due_at = TaskState.REQUESTED, at
    if task.tool == WORKFLOW:
        state = TaskState.STARTING
    elif not task.tool:
        state, due_at = TaskState.WAITING, at + _length(task)
    return replace(
        task,
        attempt=attempt,
        edition=task.edition + (edited is not None),
        event_id=hop_id(task.run, task.instance, attempt),
        input=packed,
        input_digest=digest,
        state=state,
        token=task.token + 1,
        due_at=due_at,
        claims=0,
        emissions=0,
        outcome=None,
        requested_at=at,
    )


def _length(timer: TaskRow) -> float:
    """Return how many seconds a limit of time has; none where the timer is no limit."""
    what = timer.instance.rpartition("~")[2].partition("#")[0]
    return float(orjson.loads(timer.input)) if what in {TIMEOUT, ATTEMPT} else 0.0
