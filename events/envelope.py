"""The strict CloudEvents 1.0 codec over HTTP: binary, structured and batched content mode.

The PyPI `cloudevents` SDK maps events to messages and back; it lets through a good deal that
is no CloudEvent and invents what is missing, so everything it reads is checked before, and
what it would change (the payload, the time as it was written) is kept from it.
Source: cloudevents/spec, `spec.md`, `bindings/http-protocol-binding.md`,
`formats/json-format.md`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from cloudevents.core.bindings import http
from cloudevents.core.exceptions import BaseCloudEventException
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from events import payload
from events.attributes import (
    EnvelopeError,
    Value,
    canonical,
    check_name,
    check_value,
    check_whole,
    media,
    shown,
)
from events.headers import BATCH, STRUCTURED, is_batch, mode, split, unquoted

if TYPE_CHECKING:
    from cloudevents.core.base import BaseCloudEvent

__all__ = [
    "EnvelopeError",
    "Event",
    "Message",
    "create",
    "is_batch",
    "parse",
    "parse_batch",
    "to_batch",
    "to_binary",
    "to_structured",
]

Headers = Iterable[tuple[str, str]]
Message = tuple[dict[str, str], bytes]
"""Headers (names in lower case) and body."""

_JSON: Final = "application/json"
_FORMAT: Final = JSONFormat()


@dataclass(frozen=True, slots=True)
class Event:
    """One well-formed CloudEvent; made by `create` or `parse`, which check it.

    `attributes` has every context attribute, `specversion` and extensions included, never
    None; `time` as it was written. `data` is the payload as the body of a binary-mode message,
    None without one.
    """

    attributes: Mapping[str, Value]
    data: bytes | None = None

    @property
    def id(self) -> str:
        """Unique within `source`."""
        return str(self.attributes["id"])

    @property
    def source(self) -> str:
        """A URI-reference."""
        return str(self.attributes["source"])

    @property
    def type(self) -> str:
        """What happened, in the past tense."""
        return str(self.attributes["type"])

    @property
    def subject(self) -> str | None:
        """What it happened to, within `source`."""
        return self.get("subject")

    @property
    def datacontenttype(self) -> str | None:
        """The payload's media type."""
        return self.get("datacontenttype")

    def get(self, name: str) -> str | None:
        """Return an attribute's canonical string; None where the event does not have it."""
        value = self.attributes.get(name)
        return None if value is None else canonical(value)

    def json(self) -> Any:
        """Return the payload as a fresh JSON value; None without one.

        Raises EnvelopeError where the payload is declared to be something else than JSON, or
        declares nothing and is not.
        """
        kind = self.datacontenttype
        if kind is not None and not media(kind).is_json:
            raise EnvelopeError("data", f"is {shown(kind)}, not JSON")
        return None if self.data is None else payload.load(self.data)

    def with_(self, **attributes: Value) -> Event:
        """Return the same event with these attributes set; raises EnvelopeError as `create`."""
        _check_each(attributes)
        changed = {**self.attributes, **attributes}
        check_whole(changed)
        if "datacontenttype" in attributes:
            _check_payload(changed, self.data)
        return Event(MappingProxyType(changed), self.data)

    def without(self, *names: str) -> Event:
        """Return the same event without these attributes; raises EnvelopeError as `create`."""
        left = {name: value for name, value in self.attributes.items() if name not in names}
        check_whole(left)
        return Event(MappingProxyType(left), self.data)


def create(
    *,
    id: str,  # noqa: A002 - the attribute's own name
    source: str,
    type: str,  # noqa: A002 - the attribute's own name
    data: Any = None,
    **attributes: Value | None,
) -> Event:
    """Make an event, checked as strictly as a received one; attributes that are None are unset.

    `data` is bytes (taken as they are), None (no payload) or a JSON value, which is written as
    `application/json` unless `datacontenttype` is another JSON type; a str goes unquoted where
    `datacontenttype` is no JSON type.
    """
    named: dict[str, Value | None] = {"specversion": "1.0", "id": id, "source": source}
    named |= {"type": type, **attributes}
    given = {name: value for name, value in named.items() if value is not None}
    if data is None or isinstance(data, bytes):
        return _event(given, data)
    return _event(given, _encode(data, given))


def parse(headers: Headers, body: bytes) -> Event:
    """Read one event from a message in binary or structured mode.

    The content type decides the mode. Raises EnvelopeError for everything that is not exactly
    one well-formed event, a batch included.
    """
    given, kind = split(headers)
    structure = mode(kind)
    if structure == BATCH:
        raise EnvelopeError("content-type", "is a batch; one event is accepted here")
    if structure == STRUCTURED:
        return _from_members(payload.load_envelope(body))
    return _from_headers(given, kind, body)


def parse_batch(headers: Headers, body: bytes) -> list[Event]:
    """Read every event of a batch; raise EnvelopeError where one of them is malformed."""
    _, kind = split(headers)
    if mode(kind) != BATCH:
        raise EnvelopeError("content-type", f"must be {BATCH}")
    members = payload.load_envelope(body)
    if not isinstance(members, list):
        raise EnvelopeError("body", "must be a JSON array of events")
    return [_of_batch(index, each) for index, each in enumerate(members)]


def to_binary(event: Event) -> Message:
    """Write an event as a binary-mode message."""
    named = {name: canonical(value) for name, value in event.attributes.items()}
    message = http.to_binary(_to_sdk(named, event.data), _FORMAT)
    return message.headers, message.body


def to_structured(event: Event) -> Message:
    """Write an event as a structured-mode message in the JSON format."""
    message = http.to_structured(_to_sdk(event.attributes, _presented(event)), _FORMAT)
    return message.headers, message.body


def to_batch(events: Iterable[Event]) -> Message:
    """Write events as a batched-mode message in the JSON format."""
    bodies = [to_structured(event)[1] for event in events]
    return {"content-type": BATCH}, b"[" + b",".join(bodies) + b"]"


def _event(attributes: dict[str, Value], data: bytes | None) -> Event:
    """Make an event of what passes every check; an empty payload is none."""
    _check_each(attributes)
    check_whole(attributes)
    _check_payload(attributes, data or None)
    return Event(MappingProxyType(attributes), data or None)


def _check_each(attributes: Mapping[str, Value]) -> None:
    for name, value in attributes.items():
        check_name(name)
        check_value(name, value)


def _check_payload(attributes: Mapping[str, Value], data: bytes | None) -> None:
    kind = attributes.get("datacontenttype")
    if kind is not None:
        payload.check(data, media(str(kind)))


def _encode(data: Any, attributes: dict[str, Value]) -> bytes:
    kind = str(attributes.setdefault("datacontenttype", _JSON))
    declared = media(kind)
    if declared.is_json:
        return payload.dump(data)
    if isinstance(data, str):
        return payload.from_text(data, declared)
    raise EnvelopeError("data", f"is a JSON value, but datacontenttype says {shown(kind)}")


def _from_headers(given: dict[str, str], kind: str | None, body: bytes) -> Event:
    if "specversion" not in given:
        reason = "is missing: send the event in ce- headers, or as application/cloudevents+json"
        raise EnvelopeError("specversion", reason)
    if "datacontenttype" in given:
        raise EnvelopeError("datacontenttype", "belongs in Content-Type, not in a ce- header")
    attributes: dict[str, Value] = {name: unquoted(name, value) for name, value in given.items()}
    if kind is not None:
        attributes["datacontenttype"] = kind
    event = _event(attributes, body)
    try:
        _to_sdk(attributes, None)
    except (BaseCloudEventException, ValueError) as error:
        raise _refused(error) from error
    return event


def _of_batch(index: int, members: Any) -> Event:
    try:
        return _from_members(members)
    except EnvelopeError as error:
        reason = f"{error.reason} (event {index} of the batch, counting from 0)"
        raise EnvelopeError(error.attribute, reason) from None


def _from_members(members: Any) -> Event:
    """Read one event of the JSON format from its parsed object."""
    if not isinstance(members, payload.Members):
        raise EnvelopeError("body", "must be a JSON object with the event's attributes")
    if members.repeated is not None:
        raise EnvelopeError(shown(members.repeated), "appears twice")
    attributes = {
        name: value
        for name, value in members.items()
        if value is not None and name not in {"data", "data_base64"}
    }
    if "datacontenttype" in attributes:  # which `_data_of` goes by
        check_value("datacontenttype", attributes["datacontenttype"])
    event = _event(attributes, _data_of(members, attributes))
    timeless = {name: value for name, value in attributes.items() if name != "time"}
    message = http.HTTPMessage({"content-type": STRUCTURED}, payload.dump(timeless))
    try:
        read = http.from_structured(message, _FORMAT, CloudEvent)
    except (BaseCloudEventException, ValueError) as error:
        raise _refused(error) from error
    return Event(MappingProxyType(_timed(read, attributes.get("time"))), event.data)


def _data_of(members: payload.Members, attributes: dict[str, Value]) -> bytes | None:
    """Return the payload's bytes (JSON format, section 3.1.2); a JSON null is a payload."""
    if members.get("data_base64") is not None:
        if "data" in members:
            raise EnvelopeError("data", "stands beside data_base64; only one of them may")
        return payload.from_base64(members["data_base64"])
    if "data" not in members:
        return None
    declared = media(str(attributes.setdefault("datacontenttype", _JSON)))
    if declared.is_json:
        return payload.dump(members["data"])
    if not isinstance(members["data"], str):
        raise EnvelopeError("data", f"must be a string, because it is {declared.essence}")
    return payload.from_text(members["data"], declared)


def _refused(error: Exception) -> EnvelopeError:
    return EnvelopeError("body", f"is refused by the CloudEvents SDK: {error}")


def _to_sdk(attributes: Mapping[str, Value], data: Any) -> CloudEvent:
    named = dict(attributes)
    time = named.pop("time", None)
    event = CloudEvent(named, data)
    _timed(event, time)
    return event


def _timed(event: BaseCloudEvent, time: Value | None) -> dict[str, Any]:
    """Replace the time that the SDK invents where it is given none."""
    attributes: dict[str, Any] = event.get_attributes()
    if time is None:
        del attributes["time"]
    else:
        attributes["time"] = time
    return attributes


def _presented(event: Event) -> Any:
    """Return the payload in the form the SDK's JSON format writes as `data`; else bytes."""
    kind = event.datacontenttype
    if event.data is None or kind is None:
        return event.data
    if JSONFormat.JSON_CONTENT_TYPE_PATTERN.match(kind):
        value = event.json()
        return event.data if value is None else value  # the SDK would drop a null
    text = payload.to_text(event.data, media(kind))
    return event.data if text is None else text
