"""What `advance` knows of a run beside its signal, and the step that comes out; all data.

The host turns a Step into ledger rows and events in one compare-and-set; nothing in here
does I/O. The scope state is opaque JSON to everyone but `advance`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from events.errors import Problem
    from events.flow.effects import (
        ApprovalRequest,
        ChildRequest,
        Consumption,
        EventEmission,
        Subscription,
        TaskRequest,
        TimerRequest,
    )

MACHINE: Final = 1
"""The state machine's version: a run is pinned to it, and a host that knows another refuses."""

Json = Any
"""A JSON value: None, bool, int, float, str, list or dict with str keys."""

State = dict[str, Json]
"""One scope's state between two steps, as JSON."""


class Evaluate(Protocol):
    """Evaluates one jq program; raises ExpressionError when it fails or hits a limit."""

    def __call__(self, program: str, data: Json, arguments: Mapping[str, Json]) -> Json:
        """Return the program's first output on `data`, with `arguments` bound as `$name`."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all branches of a fork see, as it was when the fork began: it is kept once."""

    context: Json
    input: Json
    """The input of the fork's task."""
    variables: dict[str, Json]


@dataclass(frozen=True, slots=True)
class Facts:
    """What a step knows of its run beside the state: the expression arguments come from here."""

    run_id: str
    input: Json
    """The run's raw input, before `input.from`."""
    started_at: datetime
    now: datetime
    """The transition's recorded time; jq's `now` too."""
    around: Surroundings | None = None
    """Of the fork that the scope is a branch of; None in the flow's own scope."""


@dataclass(frozen=True, slots=True)
class Record:
    """One line of a run's history.

    Kinds: `task.started`, `task.completed`, `task.skipped`, `task.faulted` (an error left it),
    `task.requested` (of a tool, or of a flow), `task.waiting` (until a time), `task.listening`
    (with `approval`: to people), `task.escalated` (others are asked),
    `task.retried` (a try will do its tasks once more), `task.cancelled` (a timeout cut it off),
    `task.caught`, `event.emitted`, `event.heard` (and consumed), `task.correlated` (a listen has
    all its events), `extension.unfit` (its `when` failed on the task), `branches.cancelled` (what
    was open in a fork's branches is not wanted any more).
    """

    kind: str
    reference: str
    instance: str
    detail: dict[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Running:
    """The scope goes on: something requested is still out."""


@dataclass(frozen=True, slots=True)
class Dormant:
    """The scope has not begun: it waits for its Turn."""


@dataclass(frozen=True, slots=True)
class ScopeCompleted:
    """The scope ended: `output` has been through its output transformation."""

    output: Json


@dataclass(frozen=True, slots=True)
class ScopeFaulted:
    """An error left the scope uncaught."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class Branch:
    """A scope of its own: one branch of a fork task, which goes on in its parent scope.

    An iteration of a parallel `for` is a branch too, and that task its fork.
    """

    scope: str
    """Unique in the run; the flow's own scope is the empty one."""
    parent: str
    fork: str
    """The instance of the fork task; when it is over the parent is told TaskCompleted, with the
    branches' outputs in order (or the winner's alone), or TaskFaulted, of this instance."""
    index: int
    compete: bool
    """Whether the first branch to complete ends the fork."""
    collect: bool = False
    """Whether an error that leaves it is its output, `{error: ...}`, and no fault."""
    turns: bool = False
    """Whether only so many branches run at a time: the end of one is the next one's Turn."""


@dataclass(frozen=True, slots=True)
class Fork:
    """An effect: what the branches of a new fork share, and which of them may begin."""

    instance: str
    around: Surroundings
    due: tuple[Branch, ...] = ()
    """Dormant branches whose Turn it is: there was too much to do to begin them at once."""


@dataclass(frozen=True, slots=True)
class Step:
    """The one result of `advance`: the new state and everything to do about it."""

    state: State
    status: Running | Dormant | ScopeCompleted | ScopeFaulted
    requests: tuple[TaskRequest, ...] = ()
    emissions: tuple[EventEmission, ...] = ()
    records: tuple[Record, ...] = ()
    timers: tuple[TimerRequest, ...] = ()
    closes: tuple[str, ...] = ()
    """Instances of requests and timers of earlier steps that nothing waits for any more; the one
    that this step's signal speaks of is not among them."""
    branch: Branch | None = None
    """The branch that this scope is; its end is told to the parent, not to the run."""
    branches: tuple[Step, ...] = ()
    """The first steps of new scopes, those that completed at once and those that are dormant
    included; while there are any, at least one has not completed."""
    forks: tuple[Fork, ...] = ()
    """The forks whose branches begin here."""
    shuts: tuple[Branch, ...] = ()
    """Forks of earlier steps that are over, by any one branch of each: their scopes are closed,
    and all that is within them."""
    subscriptions: tuple[Subscription, ...] = ()
    consumed: tuple[Consumption, ...] = ()
    deaf: tuple[str, ...] = ()
    """Instances of listens of earlier steps that are over."""
    children: tuple[ChildRequest, ...] = ()
    approvals: tuple[ApprovalRequest, ...] = ()
