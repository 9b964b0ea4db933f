"""Task instances, and everything else that a run has out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from functions.host.ledger.rows.run import RunRow

NEVER: Final = float("inf")
"""When a row is due that something else will surely tell."""
WORKFLOW: Final = "workflow"
"""What stands for the tool in the row of a task that runs another flow."""


class TaskState(StrEnum):
    """Where a task instance stands; every state but CLOSED has a deadline the sweeper watches."""

    REQUESTED = "requested"
    CLAIMED = "claimed"
    RECORDED = "recorded"
    RETRYING = "retrying"
    WAITING = "waiting"
    """A timer: it has no tool, and nothing happens until it is due."""
    STARTING = "starting"
    """A child run is to be opened."""
    AWAITING = "awaiting"
    """The child run is open: the end of it records the outcome here, in the same transaction."""
    LISTENING = "listening"
    """A listen: due until it was told of what came before it, and from then on NEVER."""
    ASKING = "asking"
    """An approval: due NEVER, since only a person's answer or a timer of its own ends it."""
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class TaskRow:
    """One task instance, its present attempt and, once known, its outcome."""

    run: str
    instance: str
    scope: str
    reference: str
    tool: str
    major: int
    version: str
    attempt: int
    edition: int
    event_id: str
    cause: str
    """Id of the hop event whose outcome opened this row; empty for a run's first tasks."""
    input: str
    input_digest: str
    state: TaskState
    due_at: float
    token: int = 0
    claims: int = 0
    emissions: int = 0
    outcome: str | None = None
    requested_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Work:
    """All that a host needs to do, settle or emit one task: the row and its run."""

    task: TaskRow
    run: RunRow
