"""Knative's broker ingress, one test per MUST, over HTTP.

Source: knative/specs `eventing/data-plane.md` and knative/eventing's ingress handler.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from events.envelope import to_batch, to_structured
from knative.local.pressure import Bounds
from knative.local.rates import Rates

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from events.envelope import Event
    from knative.delivery import Response
    from tests.conformance.conftest import Answer, Knative

EVENT = {
    "ce-specversion": "1.0",
    "ce-id": "1",
    "ce-source": "/test",
    "ce-type": "a",
    "content-type": "application/json",
}


def problem(response: Response) -> dict[str, Any]:
    """Return the problem document a refusal must carry."""
    assert dict(response.headers)["content-type"] == "application/problem+json"
    document: dict[str, Any] = orjson.loads(response.body)
    assert document["status"] == response.status
    assert document["type"]
    assert document["title"]
    assert document["detail"]
    return document


async def test_202_once_it_is_stored(knative: Knative, answer: type[Answer]) -> None:
    """At 202 the event is in the store, whatever the subscriber does."""
    knative.subscribers.answer("x", answer(503, wait=60))
    await knative.start(knative.trigger("x"))
    assert (await knative.request()).status == 202
    rows = knative.broker._store._connection.execute("SELECT trigger FROM deliveries").fetchall()
    assert rows == [("default/x",)]


async def test_all_content_modes_are_taken(knative: Knative, event: Callable[..., Event]) -> None:
    """Binary, structured and batched messages arrive as the same events."""
    await knative.start(knative.trigger("x"))
    assert (await knative.request()).status == 202
    headers, body = to_structured(event("s"))
    assert (await knative.request(headers=headers, body=body)).status == 202
    headers, body = to_batch([event("t"), event("u")])
    assert (await knative.request(headers=headers, body=body)).status == 202
    await knative.settled()
    got = {got.type: got for got in knative.subscribers.events("x")}
    assert set(got) == {"a", "s", "t", "u"}
    assert got["u"].without("knativearrivaltime") == event("u")


async def test_a_batch_is_all_or_nothing(knative: Knative) -> None:
    """One malformed event refuses the batch, says which, and stores none."""
    await knative.start(knative.trigger("x"))
    good = {"specversion": "1.0", "id": "1", "source": "/", "type": "a"}
    body = orjson.dumps([good, good | {"source": ""}])
    headers = {"content-type": "application/cloudevents-batch+json"}
    response = await knative.request(headers=headers, body=body)
    assert response.status == 400
    assert "event 1 of the batch" in problem(response)["reason"]
    assert knative.broker.stats().accepted == 0


async def test_an_empty_batch_is_nothing_to_store(knative: Knative) -> None:
    """A batch without events is valid and accepted."""
    await knative.start(knative.trigger("x"))
    headers = {"content-type": "application/cloudevents-batch+json"}
    assert (await knative.request(headers=headers, body=b"[]")).status == 202


async def test_options_is_the_webhook_handshake(knative: Knative) -> None:
    """OPTIONS answers 200 and allows every origin at every rate."""
    await knative.start()
    response = await knative.request("OPTIONS", headers={"webhook-request-origin": "example.com"})
    headers = dict(response.headers)
    assert response.status == 200
    assert headers["allow"] == "POST, OPTIONS"
    assert headers["webhook-allowed-origin"] == "*"
    assert headers["webhook-allowed-rate"] == "*"


async def test_too_many_from_one_source_are_429(knative: Knative) -> None:
    """A source over its rate is told when to come again; the handshake told it the rate."""
    await knative.start(knative.trigger("x"), rates=Rates(0.5, time.monotonic))
    handshake = dict((await knative.request("OPTIONS")).headers)
    assert handshake["webhook-allowed-rate"] == "30"
    assert (await knative.request()).status == 202
    response = await knative.request()
    assert response.status == 429
    assert dict(response.headers)["retry-after"] == "2"
    document = problem(response)
    assert document["source"] == "/test"
    assert "more than 0.5 events a second" in document["detail"]
    other = await knative.request(headers=EVENT | {"ce-source": "/other"})
    assert other.status == 202
    assert knative.broker.stats().accepted == 2


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
async def test_other_methods_are_405(knative: Knative, method: str) -> None:
    """Everything but POST and OPTIONS is refused with the allowed ones."""
    await knative.start()
    response = await knative.request(method)
    assert response.status == 405
    assert dict(response.headers)["allow"] == "POST, OPTIONS"
    problem(response)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 404),
        ("/default", 400),
        ("/default/default/more", 400),
        ("//default", 400),
        ("/default/unknown", 404),
        ("/unknown/default", 404),
        ("/default/default/", 202),
        ("/default/default?x=1", 202),
    ],
)
async def test_paths(knative: Knative, path: str, status: int) -> None:
    """A path names a namespace and a broker that exists."""
    await knative.start(knative.trigger("x"))
    response = await knative.request(path=path)
    assert response.status == status
    if status >= 400:
        problem(response)


@pytest.mark.parametrize(
    ("headers", "body", "attribute"),
    [
        ({}, b"", "specversion"),
        ({"content-type": "application/json"}, b"{}", "specversion"),
        ({key: EVENT[key] for key in EVENT if key != "ce-id"}, b"{}", "id"),
        (EVENT | {"ce-specversion": "0.3"}, b"{}", "specversion"),
        (EVENT | {"ce-time": "yesterday"}, b"{}", "time"),
        (EVENT, b"{", "data"),
        ({"content-type": "application/cloudevents+json"}, b"[]", "body"),
    ],
)
async def test_no_event_is_400(
    knative: Knative, headers: dict[str, str], body: bytes, attribute: str
) -> None:
    """What is no CloudEvent is refused naming attribute and reason, and not stored."""
    await knative.start(knative.trigger("x"))
    response = await knative.request(headers=headers, body=body)
    assert response.status == 400
    document = problem(response)
    assert document["attribute"] == attribute
    assert document["reason"]
    assert knative.broker.stats().stored == knative.broker.stats().accepted == 0


async def test_an_event_nobody_wants_is_accepted(knative: Knative) -> None:
    """Without a matching Trigger the answer is 202 all the same."""
    await knative.start(knative.trigger("x", {"attributes": {"type": "other"}}))
    assert (await knative.request()).status == 202


async def test_the_arrival_time_is_added(knative: Knative) -> None:
    """`knativearrivaltime` is the RFC 3339 time of the ingress; a sender's own is replaced."""
    await knative.start(knative.trigger("x"))
    await knative.send(knativearrivaltime="1970-01-01T00:00:00Z")
    await knative.settled()
    [event] = knative.subscribers.events("x")
    arrived = datetime.fromisoformat(str(event.attributes["knativearrivaltime"]))
    assert abs(datetime.now(UTC) - arrived) < timedelta(minutes=1)


@pytest.mark.parametrize("ttl", ["1", "0", "-1", "many"])
async def test_a_ttl_used_up_is_refused(knative: Knative, ttl: str) -> None:
    """A TTL that is 0 after this ingress, or no integer, is a 400 that names it."""
    await knative.start(knative.trigger("x"))
    response = await knative.request(headers=EVENT | {"ce-knativebrokerttl": ttl})
    assert response.status == 400
    assert problem(response)["attribute"] == "knativebrokerttl"


async def test_the_ttl_is_the_brokers_own(knative: Knative, event: Callable[..., Event]) -> None:
    """It is stripped before the subscriber and goes on counting with the reply."""
    await knative.start(knative.trigger("x", {"attributes": {"type": "a"}}))
    knative.subscribers.answer("x", event("a"))
    await knative.send(knativebrokerttl="4")
    await knative.settled()
    assert len(knative.subscribers.events("x")) == 3
    for request in knative.subscribers.requests["x"]:
        assert request.header("ce-knativebrokerttl") is None
    [letter] = knative.subscribers.events("sink")
    assert letter.attributes["knativeerrorcode"] == "400"


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_over_the_limit_is_413(knative: Knative, chunked: bool) -> None:
    """More than 1 MiB is refused, whether its length is declared or not."""
    await knative.start(knative.trigger("x"))
    response = await knative.request(
        body=_chunks() if chunked else BytesIO(b" " * (1024 * 1024 + 1))
    )
    assert response.status == 413
    assert "1048576 bytes" in problem(response)["detail"]
    assert knative.broker.stats().accepted == 0
    assert (await knative.request()).status == 202


async def test_a_large_event_is_forwarded_whole(knative: Knative) -> None:
    """64 KiB must pass any intermediary; here a body of exactly the limit does."""
    await knative.start(knative.trigger("x"))
    body = orjson.dumps("x" * (1024 * 1024 - 2))
    assert (await knative.request(body=body)).status == 202
    await knative.settled()
    assert knative.subscribers.requests["x"][0].body == body


async def test_a_full_store_is_503(knative: Knative) -> None:
    """Without room the event is refused, told what to do, and taken once there is room."""
    await knative.start(knative.trigger("x"))
    connection = knative.broker._store._connection
    connection.execute("PRAGMA max_page_count = 1").fetchall()
    body = orjson.dumps("x" * 100_000)
    response = await knative.request(body=body)
    assert response.status == 503
    assert dict(response.headers)["retry-after"]
    assert "free some disk space" in problem(response)["detail"]
    connection.execute("PRAGMA max_page_count = 100000").fetchall()
    assert (await knative.request(body=body)).status == 202


async def test_too_much_owed_is_503(knative: Knative, answer: type[Answer]) -> None:
    """While as much is undelivered as may be, events are refused with Retry-After."""
    knative.subscribers.answer("x", answer(202, wait=0.5), answer(202))
    await knative.start(knative.trigger("x"), bounds=Bounds(deliveries=1))
    assert (await knative.request()).status == 202
    response = await knative.request()
    assert response.status == 503
    assert dict(response.headers)["retry-after"]
    assert "TENDRIL_MAX_UNDELIVERED" in problem(response)["detail"]
    await knative.settled()
    assert (await knative.request()).status == 202
    await knative.settled()
    assert len(knative.subscribers.requests["x"]) == 2


async def test_a_stopping_broker_is_503(knative: Knative) -> None:
    """Who comes while the broker stops is asked to come again."""
    await knative.start(knative.trigger("x"))
    await knative.broker.drain(0)
    response = await knative.request()
    assert response.status == 503
    assert "send the event again" in problem(response)["detail"]


async def _chunks() -> AsyncIterator[bytes]:
    for _ in range(17):
        yield b" " * 65536
