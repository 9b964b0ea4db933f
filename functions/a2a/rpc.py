"""A request as JSON-RPC, and the results in an answer; pure.

Source: JSON-RPC 2.0; A2A 0.3.0 and 1.0, "JSON-RPC"; WHATWG HTML, "Server-sent events".
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final

import orjson

from events.errors import ErrorType, ToolError
from functions.host.web.request import Request, encoded, sealed, target
from functions.host.web.response import excerpt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from functions.a2a.card import Agent
    from functions.host.web.response import Response

STREAMS: Final = {"message/stream", "tasks/resubscribe"}
_NAMES: Final = {
    "message/send": "SendMessage",
    "message/stream": "SendStreamingMessage",
    "tasks/get": "GetTask",
    "tasks/list": "ListTasks",
    "tasks/cancel": "CancelTask",
    "tasks/resubscribe": "SubscribeToTask",
    "tasks/pushNotificationConfig/set": "CreateTaskPushNotificationConfig",
    "tasks/pushNotificationConfig/get": "GetTaskPushNotificationConfig",
    "tasks/pushNotificationConfig/list": "ListTaskPushNotificationConfigs",
    "tasks/pushNotificationConfig/delete": "DeleteTaskPushNotificationConfig",
    "agent/getAuthenticatedExtendedCard": "GetExtendedAgentCard",
}
"""What A2A 1.0 calls the methods."""


def asked(agent: Agent, method: str, parameters: dict[str, Any], key: str) -> Request:
    """Return the request to send; `key` is the task's, the same at every attempt."""
    if method in {"message/send", "message/stream"}:
        parameters = _addressed(parameters, agent, key)
    call = {
        "jsonrpc": "2.0",
        "id": key,
        "method": method if agent.old else _NAMES[method],
        "params": parameters,
    }
    accept = "text/event-stream" if method in STREAMS else "application/json"
    headers = sealed("POST", {"Accept": accept}, key)
    if not agent.old:
        headers["A2A-Version"] = ".".join(agent.version.split(".")[:2])
    return Request("POST", target(agent.url, ()), headers, encoded(call, headers))


def results(response: Response, name: str) -> list[Any]:
    """Return the results of an answer, one or a stream of them.

    A JSON-RPC error is a ToolError (runtime), an answer that is neither one of type
    communication; `name` says which call in the messages.
    """
    media, _ = response.media
    texts = list(_events(response.body)) if media == "text/event-stream" else [response.body]
    return [_result(text, name) for text in texts or [b""]]


def _addressed(parameters: dict[str, Any], agent: Agent, key: str) -> dict[str, Any]:
    """Give a message its id and its role, as the DSL asks."""
    message = parameters.get("message")
    if not isinstance(message, dict):
        detail = "the parameters need 'message', an object with 'parts'"
        raise ToolError(detail, type=ErrorType.VALIDATION)
    defaults: dict[str, Any] = {
        "messageId": str(uuid.uuid5(uuid.NAMESPACE_URL, key)),
        "role": "user" if agent.old else "ROLE_USER",
    }
    if agent.old:
        defaults["kind"] = "message"
    return {**parameters, "message": defaults | message}


def _events(body: bytes) -> Iterator[bytes]:
    """Yield the data of server-sent events."""
    data: list[bytes] = []
    for line in [*body.splitlines(), b""]:
        if line.startswith(b"data:"):
            data.append(line.removeprefix(b"data:").removeprefix(b" "))
        elif not line and data:
            yield b"\n".join(data)
            data = []


def _result(text: bytes, name: str) -> Any:
    try:
        answer = orjson.loads(text)
    except orjson.JSONDecodeError:
        answer = None
    if not isinstance(answer, dict) or not {"result", "error"} & answer.keys():
        detail = f"{name} answered what is no JSON-RPC: {excerpt(text) or 'nothing'}"
        raise ToolError(detail, type=ErrorType.COMMUNICATION, title="Invalid response")
    if answer.get("error") is not None:
        error = answer["error"] if isinstance(answer["error"], dict) else {}
        said = f"error {error.get('code')}: {error.get('message')}"
        raise ToolError(f"{name} answered {said}", title="A2A error")
    return answer["result"]
