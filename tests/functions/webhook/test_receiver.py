"""Tests of the webhook service over real HTTP: what becomes an event, and what is refused."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any
from unittest.mock import AsyncMock

import pytest

from events.errors import ErrorType, ToolError
from functions.webhook.receiver import Receiver

if TYPE_CHECKING:
    from pathlib import Path

    import aiohttp

EVENT = {"specversion": "1.0", "id": "7", "source": "/s", "type": "com.example.sent"}
STRUCTURED = "application/cloudevents+json"


async def test_health(url: str, http: aiohttp.ClientSession) -> None:
    """The service says that it is ready and alive."""
    for path in ("ready", "live"):
        async with http.get(f"{url}/health/{path}") as response:
            assert response.status == 200


async def test_delivery_becomes_an_event(send: Any, door: Any) -> None:
    """A JSON delivery is published as one event with the hook's type and source."""
    answer = await send("ask", b'{"question": "why?"}')
    [event] = door.events
    assert answer.status == 202
    assert answer.body == {"id": event.id, "type": event.type, "source": event.source}
    assert (event.type, event.source) == ("com.example.question.asked", "/hooks/ask")
    assert event.json() == {"question": "why?"}
    assert event.get("time")


async def test_event_id_without_senders_id(send: Any, door: Any) -> None:
    """Without an id of the sender, the same body is the same event and another is another."""
    for body in (b'{"question": "a"}', b'{"question": "a"}', b'{"question": "b"}'):
        await send("ask", body)
    first, again, other = (event.id for event in door.events)
    assert first == again != other


async def test_event_id_from_the_sender(send: Any, door: Any) -> None:
    """The sender's delivery id is the event's id; `idHeader` says where it stands."""
    await send("ask", b'{"question": "a"}', webhook_id="msg_1")
    await send("orders", b"[]", X_Order="o-17", webhook_id="ignored")
    assert [event.id for event in door.events] == ["msg_1", "o-17"]
    assert door.events[1].source == "https://shop.example/"


async def test_senders_id_that_no_event_may_have(send: Any, door: Any) -> None:
    """A delivery id with forbidden characters is refused by attribute, not published."""
    answer = await send("orders", b"[]", X_Order="\u0085")
    assert (answer.status, answer.body["attribute"]) == (400, "id")
    assert door.events == []


@pytest.mark.parametrize(
    ("hook", "status"), [("nope", 404), ("old", 410), ("keyless", 503), ("a/b", 404)]
)
async def test_hooks_that_take_nothing(send: Any, door: Any, hook: str, status: int) -> None:
    """Unknown, retired and half-configured hooks each say so, and reveal no secret's name."""
    answer = await send(hook)
    assert answer.status == status
    assert "nobody-set-this" not in json.dumps(answer.body)
    assert door.events == []


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b"NaN", b'{"question": 1e999}', b"[" * 9 + b"]"]
)
async def test_bad_json(send: Any, door: Any, body: bytes) -> None:
    """A body that is not JSON is a 400."""
    answer = await send("ask", body)
    assert (answer.status, answer.body["title"]) == (400, "Not JSON")
    assert door.events == []


async def test_schema(send: Any, door: Any) -> None:
    """A body against the schema is a 400 that names the field, and all that is wrong."""
    answer = await send("ask", b'{"question": "x", "tags": ["a", 1]}')
    assert (answer.status, answer.body["field"]) == (400, "/tags/1")
    missing = await send("ask", b'{"tags": [1]}')
    assert {error["field"] for error in missing.body["errors"]} == {"", "/tags/0"}
    assert door.events == []


@pytest.mark.parametrize("chunked", [False, True])
async def test_too_large(
    url: str, http: aiohttp.ClientSession, door: Any, *, chunked: bool
) -> None:
    """A body over the hook's limit is a 413, also when it does not declare its length."""

    async def parts() -> Any:
        for _ in range(30):
            yield b" " * 100

    body = parts() if chunked else b" " * 3000
    headers = {"Content-Type": "application/json"}
    async with http.post(f"{url}/hooks/ask", data=body, headers=headers) as response:
        assert response.status == 413
        assert response.content_type == "application/problem+json"
    assert door.events == []


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "json",
        "application/json; charset=latin-1",
    ],
)
async def test_media_type(send: Any, door: Any, kind: str) -> None:
    """Anything but JSON in UTF-8 is a 415, as is an encoded body."""
    assert (await send("orders", b"{}", Content_Type=kind)).status == 415
    assert (await send("orders", b"{}", Content_Encoding="br")).status == 415
    assert door.events == []


async def test_media_type_missing(url: str, http: aiohttp.ClientSession) -> None:
    """A body without content type is a 415."""
    async with http.post(f"{url}/hooks/orders", data=b"{}") as response:
        assert response.status == 415


async def test_other_methods(send: Any) -> None:
    """A hook is for POST; other methods are told so."""
    answer = await send("ask", method="PUT")
    assert answer.status == 405
    assert "POST" in answer.headers["Allow"]


@pytest.mark.parametrize("status", [500, 503, 429])
async def test_broker_refuses(send: Any, door: Any, status: int) -> None:
    """Nothing is acknowledged that the broker has not taken: 503, to be delivered again."""
    door.status = status
    answer = await send("orders", b"[]")
    assert answer.status == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert "127.0.0.1" not in answer.body["detail"]


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (LookupError("a defect"), 500, "LookupError; the service's log has the traceback"),
        (PermissionError(13, "denied", "/etc/secrets/key"), 503, "deliver again"),
        (ToolError("no such thing", type=ErrorType.VALIDATION), 400, "no such thing"),
    ],
)
async def test_what_fails_inside(
    send: Any, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, said: str
) -> None:
    """Defects, failing files and domain errors are problems as everywhere; no path gets out."""
    monkeypatch.setattr(Receiver, "answer", AsyncMock(side_effect=error))
    answer = await send("orders")
    assert (answer.status, answer.body["status"]) == (status, status)
    assert said in answer.body["detail"]
    assert "/etc" not in json.dumps(answer.body)
    assert ("Retry-After" in answer.headers) == (status == 503)


async def test_structured_event_passes_through(send: Any, door: Any) -> None:
    """A structured CloudEvent is published as the event it is."""
    body = json.dumps(EVENT | {"data": {"a": 1}, "count": 3}).encode()
    answer = await send("events", body, Content_Type=STRUCTURED)
    [event] = door.events
    assert answer.body == {"id": "7", "type": "com.example.sent", "source": "/s"}
    assert event.json() == {"a": 1}
    assert event.get("count") == "3"
    assert "time" not in event.attributes


async def test_binary_event_passes_through(send: Any, door: Any) -> None:
    """A binary CloudEvent is published with its payload's bytes."""
    headers = {f"ce_{name}": value for name, value in EVENT.items()}
    assert (await send("events", b"\xff", Content_Type="image/png", **headers)).status == 202
    assert (door.events[0].data, door.events[0].datacontenttype) == (b"\xff", "image/png")


async def test_malformed_event(send: Any, door: Any) -> None:
    """A malformed CloudEvent is a 400 that names the attribute."""
    body = json.dumps(EVENT | {"source": "a b"}).encode()
    answer = await send("events", body, Content_Type=STRUCTURED)
    assert (answer.status, answer.body["attribute"]) == (400, "source")
    assert door.events == []


async def test_events_where_they_are_not_taken(send: Any, door: Any) -> None:
    """Batches, events at a JSON hook and JSON at an events-only hook are not understood: 415."""
    event = json.dumps(EVENT).encode()
    batch = "application/cloudevents-batch+json"
    assert (await send("events", b"[" + event + b"]", Content_Type=batch)).status == 415
    assert (await send("orders", event, Content_Type=STRUCTURED)).status == 415
    assert (await send("events", b"{}")).status == 415
    assert door.events == []


async def test_reserved_types(send: Any, door: Any) -> None:
    """Nobody outside sends the platform's own events."""
    for kind in ("dev.tendril.task.requested.v1", "io.serverlessworkflow.workflow.started.v1"):
        body = json.dumps(EVENT | {"type": kind}).encode()
        assert (await send("events", body, Content_Type=STRUCTURED)).status == 403
    assert door.events == []


async def test_json_beside_events(send: Any, door: Any) -> None:
    """A hook for CloudEvents with a type makes other JSON an event of that type."""
    headers = {
        "Authorization": "Bearer open sesame",
        "WebHook_Request_Origin": "events.example.com",
    }
    assert (await send("partner", b"{}", **headers)).status == 202
    assert (await send("partner", b"[]", **headers)).status == 400
    event = json.dumps(EVENT | {"data": []}).encode()
    answer = await send("partner", event, **headers, Content_Type=STRUCTURED)
    assert (answer.status, answer.body["title"]) == (400, "Body breaks the schema")
    assert [event.type for event in door.events] == ["com.example.partner"]


async def test_handshake(send: Any) -> None:
    """The validation request is granted to the origin that asks, with the rate."""
    headers = {"WebHook_Request_Origin": "e.example.com", "WebHook_Request_Rate": "120"}
    answer = await send("events", method="OPTIONS", **headers)
    assert answer.status == 200
    assert answer.headers["WebHook-Allowed-Origin"] == "e.example.com"
    assert answer.headers["WebHook-Allowed-Rate"] == "*"
    assert "POST" in answer.headers["Allow"]


@pytest.mark.parametrize(
    ("hook", "origin", "status"),
    [("partner", "evil.example", 403), ("events", "", 400), ("ask", "e.example.com", 405),
     ("old", "e.example.com", 410), ("nope", "e.example.com", 404)],
)  # fmt: skip
async def test_handshake_not_granted(send: Any, hook: str, origin: str, status: int) -> None:
    """Without consent neither WebHook-Allowed header is there."""
    answer = await send(hook, method="OPTIONS", WebHook_Request_Origin=origin)
    assert answer.status == status
    assert not {"WebHook-Allowed-Origin", "WebHook-Allowed-Rate"} & set(answer.headers)


async def test_origin_of_a_delivery(send: Any, door: Any) -> None:
    """A hook with a list of origins takes deliveries of those only."""
    answer = await send("partner", b"{}", Authorization="Bearer open sesame")
    assert answer.status == 403
    assert door.events == []


def rewrite(path: Path, text: str, changed: int) -> None:
    """Replace a file's text; `changed` is its new modification time in nanoseconds."""
    path.write_text(text, "utf-8")
    os.utime(path, ns=(changed, changed))


async def test_file_is_read_again(send: Any, door: Any, hooks_file: Path) -> None:
    """A changed hooks file counts at the next delivery; a broken one refuses and says little."""
    rewrite(hooks_file, "hooks: {new: {type: a.b, verify: none}}", 1)
    assert (await send("new")).status == 202
    rewrite(hooks_file, "hooks: {new: {type: a.b, verify: nobody}}", 2)
    answer = await send("new")
    assert (answer.status, str(hooks_file) in json.dumps(answer.body)) == (503, False)
    assert len(door.events) == 1


async def test_no_redirects(url: str, http: aiohttp.ClientSession) -> None:
    """A trailing slash is another path, never a redirect, which senders must not follow."""
    async with http.post(f"{url}/hooks/ask/", data=b"{}", allow_redirects=False) as response:
        assert response.status == 404
