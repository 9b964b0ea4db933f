"""Which event a delivery becomes: pure, once its sender is proven."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from events import payload
from events.attributes import media
from events.envelope import EnvelopeError, Event, create, is_batch, parse
from functions.host.faults import Refused
from functions.webhook.hooks import RESERVED, Hook, source_of

if TYPE_CHECKING:
    from functions.webhook.delivery import Delivery

_IDENTITY: Final = ("webhook-id", "x-github-delivery")
_OF_BODIES: Final = frozenset({"standard-webhooks", "github"})
_UTF8: Final = frozenset({None, "utf-8"})


def event_of(name: str, hook: Hook, delivery: Delivery, time: str) -> Event:
    """Return the event; a repeated delivery becomes an event of the same source and id.

    `time` is when it was received, in RFC 3339. Raises Refused or EnvelopeError.
    """
    if delivery.header("content-encoding") not in {None, "identity"}:
        raise _unsupported("content-encoding", "send the body uncompressed")
    if _is_event(delivery):
        return _passed(hook, delivery)
    return _wrapped(name, hook, delivery, time)


def _is_event(delivery: Delivery) -> bool:
    kind = (delivery.header("content-type") or "").lower()
    return (
        kind.startswith("application/cloudevents") or delivery.header("ce-specversion") is not None
    )


def _passed(hook: Hook, delivery: Delivery) -> Event:
    """Take a CloudEvent as it is; the platform's own types are not for senders outside."""
    if hook.accept != "cloudevents":
        raise _unsupported("content-type", "this hook takes plain JSON, not CloudEvents")
    if is_batch(delivery.headers):
        raise _unsupported("content-type", "send one event a delivery, not a batch")
    if hook.verify in _OF_BODIES and delivery.header("ce-specversion") is not None:
        reason = "the signature does not cover ce- headers; send application/cloudevents+json"
        raise _unsupported("ce-specversion", reason)
    event = parse(delivery.headers, delivery.body)
    if event.type.startswith(RESERVED):
        raise Refused(403, "Reserved type", f"only the platform sends {event.type}", field="type")
    if hook.json_schema is not None:
        _check_schema(hook, event.json())
    return event


def _wrapped(name: str, hook: Hook, delivery: Delivery, time: str) -> Event:
    """Make a JSON delivery the data of a new event of the hook's type."""
    if hook.type is None:
        raise _unsupported("content-type", "this hook takes CloudEvents only")
    kind = _json_type(delivery)
    _check_schema(hook, _json(delivery.body))
    return create(
        id=_identity(hook, delivery),
        source=source_of(name, hook),
        type=hook.type,
        time=time,
        datacontenttype=kind,
        githubevent=delivery.header("x-github-event") if hook.verify == "github" else None,
        data=delivery.body,
    )


def _json_type(delivery: Delivery) -> str:
    kind = delivery.header("content-type") or ""
    try:
        declared = media(kind, "content-type")
    except EnvelopeError:
        raise _unsupported("content-type", "say application/json") from None
    if not declared.is_json or declared.charset not in _UTF8:
        raise _unsupported("content-type", f"'{kind}' is not understood; send JSON in UTF-8")
    return kind


def _json(body: bytes) -> Any:
    try:
        return payload.load(body, "body")
    except EnvelopeError as error:
        raise Refused(400, "Not JSON", f"the body {error.reason}", field="") from None


def _check_schema(hook: Hook, value: Any) -> None:
    faults = hook.faults(value)
    if faults:
        first = faults[0]
        detail = f"{first['field'] or 'the body'}: {first['message']}"
        raise Refused(400, "Body breaks the schema", detail, field=first["field"], errors=faults)


def _identity(hook: Hook, delivery: Delivery) -> str:
    """Return the sender's id of the delivery, or the body's digest where it gives none."""
    for header in (hook.id_header,) if hook.id_header else _IDENTITY:
        found = delivery.header(header)
        if found:
            return found
    return f"sha256-{hashlib.sha256(delivery.body).hexdigest()}"


def _unsupported(field: str, detail: str) -> Refused:
    return Refused(415, "Unsupported media type", detail, field=field)
