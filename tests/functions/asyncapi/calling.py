"""Calls of the asyncapi tool, and the documents that they are made by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from functions.asyncapi.handler import handle
from functions.asyncapi.models import In

if TYPE_CHECKING:
    from functions.host.context import Context

USER = {"basic": {"username": "ada", "password": "pa55word"}}


async def call(context: Context, document: dict[str, Any], **members: Any) -> Any:
    """Call and return the task's output as the host records it."""
    request = In.model_validate({"document": {"content": document}, **members})
    result = await handle(request, context)
    return result.model_dump(mode="json", by_alias=True, exclude_none=True)


def described(protocol: str, host: str, address: str = "greetings", **more: Any) -> dict[str, Any]:
    """Return a document of AsyncAPI 3 with one channel, which takes and gives greetings."""
    greeting = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}}
    return {
        "asyncapi": "3.0.0",
        "servers": {"main": {"host": host, "protocol": protocol, **more}},
        "channels": {
            "greetings": {
                "address": address,
                "messages": {"greeting": {"$ref": "#/components/messages/greeting"}},
            }
        },
        "operations": {
            "greet": {"action": "send", "channel": {"$ref": "#/channels/greetings"}},
            "hear": {"action": "receive", "channel": {"$ref": "#/channels/greetings"}},
        },
        "components": {
            "messages": {"greeting": {"payload": {"$ref": "#/components/schemas/greeting"}}},
            "schemas": {"greeting": greeting},
        },
    }


def of_old(protocol: str, url: str) -> dict[str, Any]:
    """Return the same as a document of AsyncAPI 2."""
    message = {"payload": {"type": "object", "required": ["text"]}}
    operations = {"publish": {"message": message}, "subscribe": {"message": {"oneOf": [message]}}}
    return {
        "asyncapi": "2.6.0",
        "servers": {
            "other": {"url": "mq.test", "protocol": "kafka"},
            "main": {"url": url, "protocol": protocol, "variables": {"at": {"default": "api"}}},
        },
        "channels": {"greetings": operations, "only": {"subscribe": {}}},
    }


def until_done(**consume: Any) -> dict[str, Any]:
    """Return a subscription; programs get their arguments as the host gives them."""
    given = {
        name: {"program": value, "arguments": {"context": {"n": 2}}}
        if name in {"while", "until"}
        else value
        for name, value in consume.items()
    }
    return {"consume": given}
