"""What is sent to a subscriber, and what its answer means: pure, over the CloudEvents codec."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from events.envelope import EnvelopeError, Event, parse, to_binary, to_structured
from knative.delivery import Answered, NotAnEvent, Outcome, Response, retry_after

if TYPE_CHECKING:
    from datetime import datetime

    from events.attributes import Value

MAX_ERROR_DATA: Final = 1024
"""Bytes of a failing answer's body that travel to the dead-letter sink."""

ARRIVAL: Final = "knativearrivaltime"
TTL: Final = "knativebrokerttl"

_TRACE: Final = ("traceparent", "tracestate")


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a delivery was given up: what its dead letter says, and which event it was."""

    destination: str
    code: int
    data: str
    """Base64 of the start of the body of the last answer."""
    reason: str
    source: str
    id: str

    @classmethod
    def of(cls, event: Event, destination: str, code: int, reason: str, body: bytes) -> Failure:
        """Make one from the event and the last answer's body."""
        data = b64encode(body[:MAX_ERROR_DATA]).decode()
        return cls(destination, code, data, reason, event.source, event.id)


def request(event: Event, format: str | None) -> tuple[dict[str, str], bytes]:  # noqa: A002 - the spec's field
    """Return headers and body of one delivery; `json` asks for the structured mode."""
    headers, body = to_structured(event) if format == "json" else to_binary(event)
    headers["prefer"] = "reply"
    for name in _TRACE:
        value = event.get(name)
        if value is not None:
            headers[name] = value
    return headers, body


def extended(event: Event, **attributes: Value) -> Event:
    """Return a checked event with extensions that are the broker's own and so need no check."""
    return Event(MappingProxyType({**event.attributes, **attributes}), event.data)


def arrived(event: Event, when: datetime) -> Event:
    """Return an event as the broker keeps it: with its arrival time (UTC), without its TTL."""
    attributes = dict(event.attributes)
    attributes.pop(TTL, None)
    attributes[ARRIVAL] = when.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return Event(MappingProxyType(attributes), event.data)


def dead_letter(event: Event, failure: Failure) -> Event:
    """Return the original event with what Knative tells a dead-letter sink."""
    told: dict[str, Value] = {
        "knativeerrordest": failure.destination,
        "knativeerrorcode": failure.code,
    }
    if failure.data:
        told["knativeerrordata"] = failure.data
    return extended(event, **told)


def read(response: Response, now: datetime) -> tuple[Outcome, Event | None]:
    """Return what an answer amounts to, and the event it carries if it is a reply."""
    wait = next((value for name, value in response.headers if name == "retry-after"), None)
    after = None if wait is None else retry_after(wait, now)
    answered = Answered(response.status, response.body, after)
    if not 200 <= response.status < 300 or _empty(response):  # noqa: PLR2004 - HTTP
        return answered, None
    try:
        return answered, parse(response.headers, response.body)
    except EnvelopeError as error:
        return NotAnEvent(str(error), response.body), None


def _empty(response: Response) -> bool:
    """Whether an answer holds nothing; an event without data has no body but `ce-` headers."""
    return not response.body and not any(name.startswith("ce-") for name, _ in response.headers)
