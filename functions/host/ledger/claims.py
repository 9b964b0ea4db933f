"""What a host may do with a hop event, decided from the ledger's row alone; pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from functions.host.ledger.rows import RunStatus, TaskState

if TYPE_CHECKING:
    from events.vocabulary import Hop
    from functions.host.ledger.rows import TaskRow, Work


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
