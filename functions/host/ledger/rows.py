"""The ledger's records: frozen values, the same over every implementation.

Packed values (`input`, `output`, `state`, `outcome`) are texts made by `functions.host.blobs`:
JSON, or a reference to the object store. Times are seconds since the epoch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from functions.host.ledger.gathering import Member

NEVER: Final = float("inf")
"""When a row is due that something else will surely tell."""
WORKFLOW: Final = "workflow"
"""What stands for the tool in the row of a task that runs another flow."""


class RunStatus(StrEnum):
    """The DSL's status phases."""

    PENDING = "pending"
    RUNNING = "running"
    WAITING = "waiting"
    SUSPENDED = "suspended"
    CANCELLED = "cancelled"
    FAULTED = "faulted"
    COMPLETED = "completed"


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


class LetterStatus(StrEnum):
    """Where a dead letter stands."""

    OPEN = "open"
    REDRIVEN = "redriven"
    CAUGHT = "caught"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class FlowRow:
    """One deployed flow version; immutable."""

    digest: str
    namespace: str
    name: str
    version: str
    title: str
    definition: dict[str, Any]
    source: str
    functions: dict[str, str]
    """Catalog functions as the flow names them, and the versions they were pinned to."""
    deployed_at: float
    imports: dict[str, Any] = field(default_factory=dict)
    """What it refers to elsewhere, as it was then: `events.flow.syntax.imports.Imports`."""

    @property
    def called(self) -> str:
        """What people call it: `namespace/name:version`."""
        return f"{self.namespace}/{self.name}:{self.version}"


@dataclass(frozen=True, slots=True)
class Door:
    """An event filter that starts runs of the newest version of a flow."""

    digest: str
    namespace: str
    name: str
    type: str | None
    """The exact event type it waits for, the index's key; None when it is not a constant."""
    filter: dict[str, Any]
    number: int = 0
    of: int = 0
    """Which of how many filters it is; `of` is 0 where one event starts a run by itself."""


@dataclass(frozen=True, slots=True)
class Part:
    """An event as one of several that start a run together."""

    digest: str
    number: int
    of: int
    """Of the door that it passed."""
    correlation: str
    """What the others of its set must have too."""

    @property
    def shape(self) -> str:
        """What the inbox has it under."""
        return f"{self.digest}/{self.number}"


@dataclass(frozen=True, slots=True)
class Gathered:
    """A whole set of events, whose run is to be started."""

    id: str
    """The same for the same events."""
    digest: str
    outcomes: tuple[str, ...]
    """The events, as in `Arrival.outcome`, in the order of the run's input."""
    events: tuple[str, ...] = ()
    """Their identities; not stored."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """That a run listens: how an arriving event finds it."""

    shape: str
    correlation: str
    """As in `events.flow.listening`."""
    run: str
    instance: str
    """Of the listen task; its row is LISTENING."""
    scope: str
    reference: str
    listener: str
    """The listen task in its scope, whichever visit of it."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event that fits shapes, for those who listen and those who will."""

    event: str
    """Its identity, `events.vocabulary.event_key`."""
    outcome: str
    """Packed: what the row of a listen that is told of it has for its outcome."""
    at: float
    keys: tuple[tuple[str, str], ...]
    """Shapes that it fits, each with its correlation there."""
    used: bool = False
    """Whether it has started a run by itself."""
    parts: tuple[Part, ...] = ()
    members: tuple[Member, ...] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """An event in the inbox."""

    event: str
    outcome: str
    used: bool
    """Whether it has started a run, or any run has consumed it."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When the newest version of a flow starts by itself, and where that stands."""

    digest: str
    kind: str
    spec: str
    """As in `events.flow.timetable.Timetable`."""
    due_at: float | None
    """The next nominal time; None while the run is going on that an `after` counts from."""
    run: str | None = None
    """That run."""
    ended_at: float | None = None
    """When it ended; not stored here."""


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run as it stands."""

    id: str
    digest: str
    namespace: str
    name: str
    version: str
    machine: int
    status: RunStatus
    input: str
    output: str | None
    error: dict[str, Any] | None
    started_at: float
    ended_at: float | None
    trace: str
    """32 hex digits: the trace that every hop of the run belongs to."""
    steps: int = 0
    parent: str | None = None
    """The run that started this one, if one did."""
    caller: str = ""
    """The instance of the task that did."""
    awaited: bool = False
    """Whether that task waits for this run's end: then what ends or stops the parent does so to
    this one, and an uncaught fault goes up to it."""
    depth: int = 0
    """How many runs are above this one."""
    origin: str | None = None
    """The run of an older version of the flow that this one redrives, if it does."""
    archived: bool = False
    """Whether this row is all that the ledger keeps of it."""
    budget: str | None = None
    """The run whose budget it draws on: its own id, that of one above it, or none."""

    @property
    def flow(self) -> str:
        """What people call its flow: `namespace/name:version`."""
        return f"{self.namespace}/{self.name}:{self.version}"


@dataclass(frozen=True, slots=True)
class Spend:
    """What is used of a budget, or set aside for a call."""

    calls: int = 0
    tokens: int = 0
    cost: float = 0.0


@dataclass(frozen=True, slots=True)
class Budget:
    """What a run, and those it started, may use; None is no limit."""

    run: str
    outer: str | None
    """The run above whose budget this one draws on as well."""
    tokens: int | None
    cost: float | None
    calls: int | None
    until: float | None
    """When its time is over."""
    used: Spend = Spend()
    held: Spend = Spend()
    """What is set aside for the calls that are being made."""


@dataclass(frozen=True, slots=True)
class Reserved:
    """What came of asking a budget for a call."""

    refusal: str = ""
    """Why there is no room for it, if there is none."""
    until: float | None = None
    """When the call has to end."""


@dataclass(frozen=True, slots=True)
class Charge:
    """What a task used of the budget of its run."""

    budget: str
    spend: Spend


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


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a run's history, before it has a number."""

    kind: str
    at: float
    reference: str = ""
    instance: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Line:
    """An entry among those of all runs, with what it takes to speak of its run."""

    run: str
    namespace: str
    name: str
    version: str
    trace: str
    output: str | None
    """The run's packed output, with its `run.completed`."""
    seq: int
    """The entry's number in its run's history."""
    entry: Entry


@dataclass(frozen=True, slots=True)
class Bookmark:
    """How far the histories of all runs were read, by whom, and until when it is theirs."""

    place: str
    """The ledger's own notation."""
    holder: str = ""
    until: float = 0.0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An event of an `emit` task that waits in the outbox until the broker has it."""

    id: str
    event: str
    """Structured-mode JSON."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter: why something stopped, and what redrive needs."""

    id: str
    status: LetterStatus
    reason: str
    code: int
    stored_at: float
    trigger: str
    event: dict[str, Any]
    """Structured-mode JSON of the event; its data may be a dataref."""
    run: str | None = None
    instance: str | None = None
    tool: str | None = None
    flow: str | None = None


@dataclass(frozen=True, slots=True)
class ScopeRow:
    """A scope that a transition makes: one branch of a fork, in its parent scope."""

    scope: str
    parent: str
    fork: str
    """The instance of the fork task."""
    state: str
    output: str | None
    """Packed, when it completed at once."""


@dataclass(frozen=True, slots=True)
class ForkRow:
    """A fork that a transition begins, with all its branches."""

    fork: str
    """The instance of the fork task."""
    scope: str
    """The one it is in."""
    compete: bool
    begun: int
    """How many of the branches have begun or their turn: the first so many. The others wait."""
    shared: str
    """Packed: what all branches see, which is not in their states."""


@dataclass(frozen=True, slots=True)
class Join:
    """A branch's end, as its fork hears of it."""

    row: TaskRow
    """What is opened when the fork is over: RECORDED, of the fork's instance, in its scope."""
    outright: bool
    """Whether this end alone makes the fork be over: a fault, or a competitor's completion."""
    output: str | None = None
    """The branch's packed output; None where it faulted."""
    turn: TaskRow | None = None
    """What is opened in the next branch that has not begun, by `claims.turn_of`; None where all
    branches may run at the same time."""


@dataclass(frozen=True, slots=True)
class Telling:
    """What the end of a child run records on the task that awaits it."""

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
    tells: Telling | None = None
    """When the run is awaited and has ended."""
    subscriptions: tuple[Subscription, ...] = ()
    """What listens that this begins are found by; their rows are among the timers."""
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
