"""Payloads as bytes and back, and whether they are what the document says; pure."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, Final

import orjson

from events.errors import ErrorType, ToolError
from events.flow import schemas
from events.flow.schemas import ValidationFault

if TYPE_CHECKING:
    from functions.asyncapi.description import Description, Operation

_FOREIGN: Final = ("avro", "protobuf", "raml")


def written(payload: Any) -> tuple[bytes, str]:
    """Return a payload's bytes and media type: text as it is, all else as JSON; none is empty."""
    if payload is None:
        return b"", ""
    if isinstance(payload, str):
        return payload.encode(), "text/plain; charset=utf-8"
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode(), _JSON


_JSON: Final = "application/json"


def read(body: bytes) -> Any:
    """Return JSON as its value, other text as it is, all else in base64."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        return body.decode()
    except UnicodeDecodeError:
        return base64.b64encode(body).decode()


def validate(description: Description, operation: Operation, payload: Any, what: str) -> None:
    """Raise ToolError (validation) for a payload that is none of the operation's messages.

    Schemas other than JSON's (Avro, Protobuf, RAML) are not looked at.
    """
    reasons = []
    for message in operation.messages:
        schema, form = _schema(message)
        if schema is None or any(each in form for each in _FOREIGN):
            return
        inside = {name: description.root.get(name, {}) for name in ("components", "channels")}
        try:
            schemas.validate({**inside, "allOf": [schema]}, payload, what)
        except ValidationFault as fault:
            reasons.append(fault.problem.detail or "")
        else:
            return
    if reasons:
        raise ToolError("; ".join(reasons), type=ErrorType.VALIDATION, title="Unfit message")


def _schema(message: dict[str, Any]) -> tuple[Any, str]:
    payload = message.get("payload")
    if isinstance(payload, dict) and "schemaFormat" in payload:  # AsyncAPI 3
        return payload.get("schema"), str(payload["schemaFormat"])
    return payload, str(message.get("schemaFormat") or "")
