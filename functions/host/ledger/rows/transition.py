"""What one step of a run writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from functions.host.ledger.rows.approval import Assignee
    from functions.host.ledger.rows.budget import Budget, Charge
    from functions.host.ledger.rows.fork import ForkRow, Join, ScopeRow
    from functions.host.ledger.rows.history import Entry
    from functions.host.ledger.rows.letter import Letter
    from functions.host.ledger.rows.listen import Subscription
    from functions.host.ledger.rows.outbox import Outgoing
    from functions.host.ledger.rows.run import RunStatus
    from functions.host.ledger.rows.task import TaskRow


@dataclass(frozen=True, slots=True)
class ChildEnd:
    """What the end of a child run records on the task that awaits it, an instance of `run`."""

    run: str
    instance: str
    outcome: str
    """Packed; it belongs to the parent."""
    due_at: float


@dataclass(frozen=True, slots=True)
class Transition:
    """What one compare-and-set writes: the effects of one `advance`."""

    run: str
    scope: str
    expected_rev: int
    state: str
    at: float
    closes: str | None
    """The instance whose row this transition closes; None for a run's start."""
    token: int
    requests: tuple[TaskRow, ...] = ()
    outbox: tuple[Outgoing, ...] = ()
    entries: tuple[Entry, ...] = ()
    ended: RunStatus | None = None
    output: str | None = None
    error: dict[str, Any] | None = None
    letter: Letter | None = None
    timers: tuple[TaskRow, ...] = ()
    """Rows in WAITING, due when they are."""
    also_closes: tuple[str, ...] = ()
    """Instances of open rows that nothing waits for any more; a run that faults keeps them, as it
    keeps its scope, for its redrive."""
    scopes: tuple[ScopeRow, ...] = ()
    """All branches of the forks that this begins, in their order."""
    forks: tuple[ForkRow, ...] = ()
    """Those forks."""
    turns: tuple[TaskRow, ...] = ()
    """Rows in RECORDED, of branches that may begin as soon as this is written."""
    shuts: tuple[tuple[str, str], ...] = ()
    """Forks that are over: the instance, and what their scopes' names begin with."""
    join: Join | None = None
    """When the scope is a branch and has ended."""
    children: tuple[TaskRow, ...] = ()
    """Rows in STARTING."""
    child_end: ChildEnd | None = None
    """When the run is awaited and has ended."""
    subscriptions: tuple[Subscription, ...] = ()
    """What listens that this begins are found by; their rows are among the timers."""
    assignees: tuple[Assignee, ...] = ()
    """Whom the approvals that this begins ask; their rows are among the timers."""
    consumed: tuple[tuple[str, str], ...] = ()
    """Listeners, each with the event that it consumes and is not told of again."""
    deaf: tuple[str, ...] = ()
    """Instances of listens that are over; what they were told and did not take is closed."""
    outcome: str | None = None
    """The packed outcome, when the row is still CLAIMED and this writes both at once."""
    budget: Budget | None = None
    """What the run may use, when it begins with this."""
    charge: Charge | None = None
    """What the task used, when this writes its outcome too."""
    keeps: tuple[tuple[str, str], ...] = ()
    """Parts of the state that lie beside it and are new: each one's digest and JSON."""
    drops: tuple[str, ...] = ()
    """The digests of those that the state has no longer."""
