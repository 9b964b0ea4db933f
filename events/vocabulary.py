"""The events of Tendril's own vocabulary: the hop and how its identity is derived.

Every id here is a function of what it names, so that emitting an event again is the same event.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Any, Final

import orjson

from events.envelope import EnvelopeError, Event, create

TASK_REQUESTED: Final = "dev.tendril.task.requested.v1"
OWN_PREFIX: Final = "dev.tendril."
LIFECYCLE_PREFIX: Final = "io.serverlessworkflow."
LIFECYCLE_PREFIXES: Final = (f"{LIFECYCLE_PREFIX}workflow.", f"{LIFECYCLE_PREFIX}task.")
"""What the types of lifecycle events begin with; others of their namespace are anybody's, as in the
specification's own examples."""
APPROVAL_REQUESTED: Final = "dev.tendril.approval.requested.v1"
APPROVAL_ESCALATED: Final = "dev.tendril.approval.escalated.v1"
"""People are asked, and after a while others: for who tells them. No event is an answer."""
PING: Final = "dev.knative.sources.ping"


def identify(*parts: str | int) -> str:
    """Return 32 hex digits that name `parts`, in order; the same parts give the same id."""
    text = "\x1f".join(str(part) for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def canonical(value: Any) -> bytes:
    """Return the one JSON text of `value`: keys sorted, no white space, UTF-8."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def digest(value: Any) -> str:
    """Return the SHA-256 of the canonical JSON of `value`, in hex."""
    return hashlib.sha256(canonical(value)).hexdigest()


def run_id(namespace: str, flow: str, door: str, source: str, event_id: str) -> str:
    """Return the id of the run that one event starts: a repeated start is the same run."""
    return identify("run", namespace, flow, door, source, event_id)


def event_key(source: str, event_id: str) -> str:
    """Return the identity of any event; CloudEvents tells them apart by source and id."""
    return identify("event", source, event_id)


def child_id(parent: str, instance: str, attempt: int) -> str:
    """Return the id of the run that one attempt at a task instance starts."""
    return identify("child", parent, instance, attempt)


def hop_id(run: str, instance: str, attempt: int) -> str:
    """Return the id of the event that asks for one attempt at one task instance."""
    return identify("hop", run, instance, attempt)


def approval_id(run: str, instance: str) -> str:
    """Return what people know an approval by; `read_approval` finds its way back."""
    return f"{run}.{urlsafe_b64encode(instance.encode()).decode().rstrip('=')}"


def read_approval(name: str) -> tuple[str, str] | None:
    """Return the run and the instance that an approval's id names; None where it is none."""
    run, _, rest = name.partition(".")
    try:
        instance = urlsafe_b64decode(rest + "=" * (-len(rest) % 4)).decode()
    except ValueError:
        return None
    return (run, instance) if approval_id(run, instance) == name else None


def idempotency_key(run: str, instance: str, edition: int) -> str:
    """Return a task's key: stable over attempts, new only when a person edited its input."""
    return identify("key", run, instance, edition)


@dataclass(frozen=True, slots=True)
class Hop:
    """What a hop event says: which attempt at which task instance is wanted of which tool."""

    run: str
    instance: str
    attempt: int
    event_id: str
    tool: str
    major: int
    input_digest: str
    dataref: str | None
    data: Any


def task_requested(
    hop: Hop, *, flow: str, source: str, cause: str, traceparent: str, time: str, expires: str
) -> Event:
    """Return the hop event; large inputs ride as `dataref`, all others as JSON data.

    `flow` is the flow's digest, `source` its path `/flows/{namespace}/{name}`, `cause` the id
    of the event that led here; `time` and `expires` are RFC 3339.
    """
    extensions: dict[str, str | int] = {
        "tool": hop.tool,
        "major": str(hop.major),
        "flow": flow,
        "runid": hop.run,
        "attempt": hop.attempt,
        "inputdigest": hop.input_digest,
        "correlationid": hop.run,
        "causationid": cause,
        "partitionkey": hop.run,
        "traceparent": traceparent,
        "expirytime": expires,
    }
    if hop.dataref:
        extensions["dataref"] = hop.dataref
    return create(
        id=hop.event_id,
        source=source,
        type=TASK_REQUESTED,
        data=None if hop.dataref else orjson.dumps(hop.data),
        subject=hop.instance,
        time=time,
        **({} if hop.dataref else {"datacontenttype": "application/json"}),
        **extensions,
    )


def read_hop(event: Event) -> Hop:
    """Read a hop event strictly; EnvelopeError names the attribute that is missing or wrong."""
    if event.type != TASK_REQUESTED:
        raise EnvelopeError("type", f"a tool takes only {TASK_REQUESTED}, not {event.type}")
    dataref = event.get("dataref")
    data = None if dataref else event.json()
    claimed = _required(event, "inputdigest")
    if not dataref and digest(data) != claimed:
        raise EnvelopeError("inputdigest", "does not match the event's data")
    return Hop(
        run=_required(event, "runid"),
        instance=_required(event, "subject"),
        attempt=_number(event, "attempt"),
        event_id=event.id,
        tool=_required(event, "tool"),
        major=_number(event, "major"),
        input_digest=claimed,
        dataref=dataref,
        data=data,
    )


def _required(event: Event, name: str) -> str:
    value = event.get(name)
    if not value:
        raise EnvelopeError(name, "is missing; a hop event always carries it")
    return value


def _number(event: Event, name: str) -> int:
    value = _required(event, name)
    if not value.isdigit():
        raise EnvelopeError(name, f"expected a whole number, found '{value}'")
    return int(value)
