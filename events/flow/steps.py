"""What goes into `advance` and what comes out: signals, steps and their effects, all data.

The host turns a Step into ledger rows and events in one compare-and-set; nothing in here
does I/O. The scope state is opaque JSON to everyone but `advance`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from events.errors import ErrorType, ToolError
from events.flow.late import MEMBER

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from events.errors import Problem
    from events.flow.late import Late

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
class Start:
    """The run's first signal; the raw input is in Facts."""


@dataclass(frozen=True, slots=True)
class TaskCompleted:
    """A requested task's result arrived: `output` is its raw output."""

    instance: str
    output: Json


@dataclass(frozen=True, slots=True)
class TaskFaulted:
    """A requested task ended in a terminal error."""

    instance: str
    problem: Problem


@dataclass(frozen=True, slots=True)
class TimerFired:
    """A requested timer is due."""

    instance: str


@dataclass(frozen=True, slots=True)
class EventHeard:
    """An event came that may be one that a listen waits for; the listen decides."""

    instance: str
    """Of the listen."""
    event: dict[str, Json]
    """Its attributes, and its payload as `data` (`data_base64` where it is binary)."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A dormant branch may begin: another one has ended."""

    instance: str


Signal = Start | TaskCompleted | TaskFaulted | TimerFired | EventHeard | Turn


@dataclass(frozen=True, slots=True)
class TaskRequest:
    """An effect: ask a tool to do one task instance."""

    instance: str
    """The task reference plus its visit, for instance `/do/1/ask#3`: unique in the run."""
    reference: str
    """The DSL's task reference, a JSON pointer such as `/do/1/ask`."""
    function: str
    """The function's name in the catalog, for instance `llm`."""
    version: str
    """The catalog version asked for: full semver, or a prefix of it such as `1.0` or `1`; the
    host resolved it when the flow was deployed."""
    input: Json
    """The resolved `with`; the expressions that are left to the host stand in it as written."""
    late: Late | None = None
    """What the host must evaluate before the call."""

    def payload(self) -> Json:
        """Return the input as it travels: with what is left as a member that no data can forge."""
        if isinstance(self.input, dict) and MEMBER in self.input:
            detail = f"'{MEMBER}' is no name for an argument; choose another"
            raise ToolError(detail, type=ErrorType.CONFIGURATION)
        return self.input if self.late is None else self.input | {MEMBER: self.late.to_json()}


@dataclass(frozen=True, slots=True)
class TimerRequest:
    """An effect: signal the scope at a time, unless the timer is closed before."""

    instance: str
    """The task instance that waits, or the instance and what of it is timed, as in
    `/do/1/ask#3~timeout`: unique in the run. The flow's own is `~timeout`."""
    reference: str
    due: datetime


@dataclass(frozen=True, slots=True)
class Subscription:
    """An effect: tell the scope of every event that may pass a filter, until it is closed.

    An event that passes several filters of one listen is told once.
    """

    instance: str
    """The task instance that listens."""
    reference: str
    filter: dict[str, Json]
    """As the flow has it; its `with` is empty where every event is meant."""
    expected: dict[str, Json] = field(default_factory=dict)
    """The values of the correlation keys that say what they expect."""

    def shown(self) -> dict[str, Json]:
        """Return what is waited for, for people."""
        wanted = {"with": self.filter["with"]}
        return wanted | ({"correlate": self.expected} if self.expected else {})


@dataclass(frozen=True, slots=True)
class Consumption:
    """An effect: a listener has consumed an event, and is not told of it again."""

    listener: str
    """The listen task in its scope, whichever visit of it."""
    event: str
    """The event's identity, `events.vocabulary.event_key`."""


@dataclass(frozen=True, slots=True)
class ApprovalRequest:
    """An effect: ask people; the answer is told as an EventHeard of this instance."""

    instance: str
    """The task instance that listens."""
    reference: str
    form: dict[str, Json]
    """What they are shown, with all expressions resolved: `title`, `description`, `data`, `schema`,
    `assignees`, `type` (of the event that the answer is), and as `escalation` the assignees of
    each step, whose timers are `events.flow.advance.timers.escalation`."""


@dataclass(frozen=True, slots=True)
class ChildRequest:
    """An effect: start a run of another flow.

    Its end is told as TaskCompleted or TaskFaulted of this instance; not awaited, its start is.
    """

    instance: str
    reference: str
    namespace: str
    name: str
    version: str
    """A version of that flow, or `latest`."""
    input: Json
    awaited: bool


@dataclass(frozen=True, slots=True)
class EventEmission:
    """An effect: publish one CloudEvent on the broker."""

    instance: str
    attributes: dict[str, str | int | bool]
    """The resolved context attributes; `id` and `time` always set, `specversion` too."""
    data: Json = None
    has_data: bool = False


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
