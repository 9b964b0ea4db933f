"""What a step asks its host to do: tasks, timers, listens, approvals, child runs and events."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from events.errors import ErrorType, ToolError
from events.flow.late import MEMBER

if TYPE_CHECKING:
    from datetime import datetime

    from events.flow.late import Late

Json = Any


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
