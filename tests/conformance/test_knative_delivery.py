"""Knative's delivery contract, one test per MUST and per behaviour flows rely on, over HTTP.

Source: knative/specs `eventing/data-plane.md`; waits and filters as the Go dispatcher has them.
"""

from __future__ import annotations

import itertools
import socket
from base64 import b64decode
from typing import TYPE_CHECKING, Any

import pytest

from events.envelope import to_structured
from knative.delivery import BackoffPolicy

if TYPE_CHECKING:
    from collections.abc import Callable

    from events.envelope import Event
    from tests.conformance.conftest import Answer, Knative

A = {"attributes": {"type": "a"}}
B = {"attributes": {"type": "b"}}
X = {"attributes": {"type": "x"}}
SECOND = "http://broker-ingress.knative-eventing.svc.cluster.local/default/second"


@pytest.mark.parametrize("status", [200, 201, 202, 203, 204, 206])
async def test_2xx_is_success(knative: Knative, status: int) -> None:
    """Any 2xx ends the delivery at the first attempt."""
    knative.subscribers.answer("x", status)
    await knative.start(knative.trigger("x", retry=3))
    await knative.send()
    await knative.settled()
    assert len(knative.subscribers.requests["x"]) == 1
    assert not knative.subscribers.requests["sink"]


@pytest.mark.parametrize("status", [404, 408, 409, 429, 500, 501, 502, 503, 504])
async def test_retried_statuses(knative: Knative, status: int) -> None:
    """These are tried `retry` times more, then dead-lettered with the status."""
    knative.subscribers.answer("x", status)
    await knative.start(knative.trigger("x", retry=2))
    await knative.send()
    await knative.settled()
    assert len(knative.subscribers.requests["x"]) == 3
    [letter] = knative.subscribers.events("sink")
    assert letter.attributes["knativeerrorcode"] == str(status)


@pytest.mark.parametrize("status", [300, 301, 302, 304, 307, 400, 401, 403, 405, 410, 415, 422])
async def test_other_statuses_are_final(
    knative: Knative, answer: type[Answer], status: int
) -> None:
    """Other 4xx and 3xx go to the dead letter at once; a redirect is not followed."""
    headers = (("location", knative.subscribers.url("elsewhere")),)
    knative.subscribers.answer("x", answer(status, headers))
    await knative.start(knative.trigger("x", retry=5))
    await knative.send()
    await knative.settled()
    assert len(knative.subscribers.requests["x"]) == 1
    assert not knative.subscribers.requests["elsewhere"]
    [letter] = knative.subscribers.events("sink")
    assert letter.attributes["knativeerrorcode"] == str(status)


async def test_a_broker_may_be_the_subscriber(knative: Knative) -> None:
    """An event passes on to another Broker and its Triggers, with an arrival time of its own."""
    onward = knative.trigger("onward", subscriber=SECOND)
    await knative.start(onward, knative.trigger("x", broker="default/second"))
    await knative.send(myextension="7")
    await knative.settled()
    [got] = knative.subscribers.events("x")
    assert (got.type, got.attributes["myextension"]) == ("a", "7")
    assert knative.broker.stats().accepted == 2
    assert not knative.subscribers.requests["sink"]


async def test_a_broker_may_be_the_sink(knative: Knative) -> None:
    """What one Broker gives up on arrives at another with the reason, for its own Triggers."""
    knative.subscribers.answer("x", 400)
    await knative.start(
        knative.trigger("x", dead_letter_sink=SECOND),
        knative.trigger("letters", broker="default/second"),
    )
    await knative.send()
    await knative.settled()
    [letter] = knative.subscribers.events("letters")
    assert letter.attributes["knativeerrorcode"] == "400"


async def test_a_broker_that_is_not_there_is_404(knative: Knative) -> None:
    """A Trigger that names no Broker of ours fails as a path without a route: again, then dead."""
    await knative.start(knative.trigger("x", subscriber=f"{SECOND}s", retry=1))
    await knative.send()
    await knative.settled()
    [letter] = knative.subscribers.events("sink")
    assert letter.attributes["knativeerrorcode"] == "404"
    assert knative.broker.stats().failed == 2
    assert b"there is no broker default/seconds" in b64decode(
        str(letter.attributes["knativeerrordata"])
    )


async def test_a_lost_connection_is_retried(knative: Knative) -> None:
    """A subscriber that hangs up without an answer is asked again."""
    knative.subscribers.answer("x", 0, 0, 202)
    await knative.start(knative.trigger("x", retry=5))
    await knative.send()
    await knative.settled()
    assert len(knative.subscribers.requests["x"]) == 3
    assert not knative.subscribers.requests["sink"]


async def test_nobody_there_is_retried(knative: Knative) -> None:
    """A refused connection is no response: tried again, then dead-lettered as 500."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    nobody = f"http://127.0.0.1:{port}/"
    await knative.start(knative.trigger("x", subscriber=nobody, retry=2))
    await knative.send()
    await knative.settled()
    [letter] = knative.subscribers.events("sink")
    assert letter.attributes["knativeerrordest"] == nobody
    assert letter.attributes["knativeerrorcode"] == "500"
    assert knative.broker.stats().failed == 3


async def test_the_timeout_is_per_attempt(knative: Knative, answer: type[Answer]) -> None:
    """An attempt over `timeout` is no response, and the next one gets the whole time again."""
    knative.subscribers.answer("x", answer(202, wait=5), answer(202, wait=0.05))
    await knative.start(knative.trigger("x", retry=1, timeout=0.4))
    await knative.send()
    await knative.settled()
    first, second = knative.subscribers.requests["x"]
    assert 0.3 < second.at - first.at < 4
    assert not knative.subscribers.requests["sink"]


async def test_prefer_reply_is_on_every_request(knative: Knative) -> None:
    """Subscriber, retry and sink are all told that a reply is welcome."""
    knative.subscribers.answer("x", 500)
    await knative.start(knative.trigger("x", retry=1))
    await knative.send()
    await knative.settled()
    requests = knative.subscribers.requests["x"] + knative.subscribers.requests["sink"]
    assert [request.header("prefer") for request in requests] == ["reply"] * 3


async def test_the_event_arrives_as_it_was_sent(knative: Knative) -> None:
    """Attributes, extensions and the payload's bytes pass unchanged, in binary mode."""
    await knative.start(knative.trigger("x"))
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await knative.send(subject="caf%C3%A9", traceparent=trace, myextension="7")
    await knative.settled()
    [request] = knative.subscribers.requests["x"]
    assert request.header("ce-specversion") == "1.0"
    assert request.header("content-type") == "application/json"
    assert request.body == b"{}"
    assert request.event.subject == "café"
    assert request.header("ce-traceparent") == request.header("traceparent") == trace
    assert request.event.attributes["myextension"] == "7"


async def test_format_json_is_structured_mode(knative: Knative) -> None:
    """`format: json` delivers application/cloudevents+json."""
    await knative.start(knative.trigger("x", format="json"))
    await knative.send()
    await knative.settled()
    [request] = knative.subscribers.requests["x"]
    assert str(request.header("content-type")).startswith("application/cloudevents+json")
    assert request.event.type == "a"


async def test_a_reply_is_matched_against_all_triggers(
    knative: Knative, event: Callable[..., Event]
) -> None:
    """An event in a 2xx enters the broker; whoever wants it gets it, with a new arrival time."""
    knative.subscribers.answer("x", event("b"))
    await knative.start(knative.trigger("x", A), knative.trigger("y", B), knative.trigger("z"))
    await knative.send()
    await knative.settled()
    [got] = knative.subscribers.events("y")
    assert got.without("knativearrivaltime") == event("b")
    assert {each.type for each in knative.subscribers.events("z")} == {"a", "b"}


async def test_a_structured_reply(
    knative: Knative, answer: type[Answer], event: Callable[..., Event]
) -> None:
    """A reply may be in structured mode, and with any 2xx."""
    headers, body = to_structured(event("b"))
    knative.subscribers.answer("x", answer(202, tuple(headers.items()), body))
    await knative.start(knative.trigger("x", A), knative.trigger("y", B))
    await knative.send()
    await knative.settled()
    assert len(knative.subscribers.events("y")) == 1


@pytest.mark.parametrize("body", [b"ok", b'{"status": "ok"}', b"<html/>"])
async def test_a_body_that_is_no_event_fails(
    knative: Knative, answer: type[Answer], body: bytes
) -> None:
    """A 2xx with such a body counts as 502: retried, then dead-lettered with the body."""
    knative.subscribers.answer("x", answer(200, (("content-type", "application/json"),), body))
    await knative.start(knative.trigger("x", retry=2))
    await knative.send()
    await knative.settled()
    assert len(knative.subscribers.requests["x"]) == 3
    [letter] = knative.subscribers.events("sink")
    assert letter.attributes["knativeerrorcode"] == "502"
    assert b64decode(str(letter.attributes["knativeerrordata"])) == body


async def test_a_malformed_reply_fails(knative: Knative, answer: type[Answer]) -> None:
    """An event without its id is no event, and is not let in."""
    headers = (("ce-specversion", "1.0"), ("ce-source", "/"), ("ce-type", "b"))
    knative.subscribers.answer("x", answer(200, headers))
    await knative.start(knative.trigger("x", A), knative.trigger("y", B))
    await knative.send()
    await knative.settled()
    [letter] = knative.subscribers.events("sink")
    assert letter.attributes["knativeerrorcode"] == "502"
    assert not knative.subscribers.requests["y"]


async def test_a_reply_of_the_sink_is_ignored(
    knative: Knative, event: Callable[..., Event]
) -> None:
    """Production brokers differ in what they do with it, so nothing may rely on it."""
    knative.subscribers.answer("x", 400)
    knative.subscribers.answer("sink", event("b"))
    await knative.start(knative.trigger("x", A), knative.trigger("y", B))
    await knative.send()
    await knative.settled()
    assert len(knative.subscribers.requests["sink"]) == 1
    assert not knative.subscribers.requests["y"]


async def test_exponential_back_off(knative: Knative) -> None:
    """Waits are delay, 2 delays, 4 delays."""
    knative.subscribers.answer("x", 503)
    policy = BackoffPolicy.EXPONENTIAL
    await knative.start(knative.trigger("x", retry=3, backoff_policy=policy, backoff_delay=0.1))
    await knative.send()
    await knative.settled()
    first, second, third = _waits(knative, "x")
    assert first >= 0.1
    assert second >= 0.2
    assert 0.4 <= third < 3


async def test_linear_back_off(knative: Knative) -> None:
    """Waits are 0, delay, 2 delays: the Go dispatcher counts from 0."""
    knative.subscribers.answer("x", 503)
    policy = BackoffPolicy.LINEAR
    await knative.start(knative.trigger("x", retry=3, backoff_policy=policy, backoff_delay=0.3))
    await knative.send()
    await knative.settled()
    first, second, third = _waits(knative, "x")
    assert first < 0.3 <= second
    assert 0.6 <= third < 4


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after(knative: Knative, answer: type[Answer], status: int) -> None:
    """Retry-After on 429 and 503 lengthens the wait, up to `retryAfterMax`."""
    busy = answer(status, (("retry-after", "3600"),))
    knative.subscribers.answer("x", busy, answer(202))
    await knative.start(knative.trigger("x", retry=1, retry_after_max=0.5))
    await knative.send()
    await knative.settled()
    [wait] = _waits(knative, "x")
    assert 0.5 <= wait < 3


async def test_only_a_sink_means_no_retry(knative: Knative) -> None:
    """Nothing is merged from elsewhere: a delivery with only a sink tries once."""
    knative.subscribers.answer("x", 503)
    await knative.start(knative.trigger("x"))
    await knative.send()
    await knative.settled()
    assert len(knative.subscribers.requests["x"]) == 1
    assert len(knative.subscribers.requests["sink"]) == 1


async def test_without_a_sink_the_event_is_gone(knative: Knative) -> None:
    """A delivery with only `retry` has no sink: the event is dropped and counted."""
    knative.subscribers.answer("x", 503)
    await knative.start(knative.trigger("x", retry=1, dead_letter_sink=None))
    await knative.send()
    await knative.settled()
    assert knative.broker.stats().dropped == 1
    assert not knative.subscribers.requests["sink"]


async def test_a_dead_letter_carries_the_original_and_the_error(
    knative: Knative, answer: type[Answer]
) -> None:
    """The event with its data, and destination, code and the start of the last answer's body."""
    knative.subscribers.answer("x", answer(422, body=b"field name: missing " * 100))
    await knative.start(knative.trigger("x", retry=5))
    await knative.send(runid="r1")
    await knative.settled()
    [request] = knative.subscribers.requests["sink"]
    letter = request.event
    assert (letter.id, letter.source, letter.attributes["runid"]) == ("1", "/test", "r1")
    assert request.body == b"{}"
    assert letter.attributes["knativeerrordest"] == knative.subscribers.url("x")
    assert letter.attributes["knativeerrorcode"] == "422"
    data = b64decode(str(letter.attributes["knativeerrordata"]))
    assert data == (b"field name: missing " * 100)[:1024]


async def test_a_sink_that_is_down_gets_the_letter_later(knative: Knative) -> None:
    """The dead-letter delivery is retried until it succeeds, whatever the sink says."""
    knative.subscribers.answer("x", 400)
    knative.subscribers.answer("sink", 0, 404, 400, 202)
    await knative.start(knative.trigger("x"))
    await knative.send()
    await knative.settled()
    assert len(knative.subscribers.requests["sink"]) == 4
    assert len(knative.subscribers.requests["x"]) == 1


async def test_a_slow_subscriber_delays_no_other(knative: Knative, answer: type[Answer]) -> None:
    """While one subscriber sits on its events, another's go through."""
    knative.subscribers.answer("slow", answer(202, wait=60))
    await knative.start(knative.trigger("slow"), knative.trigger("fast"))
    for _ in range(80):
        await knative.send()
    await knative.until(lambda: len(knative.subscribers.requests["fast"]) == 80)


async def test_ordered_delivery(knative: Knative, answer: type[Answer]) -> None:
    """A Trigger that asks for order gets a key's events one after the other, retries included."""
    knative.subscribers.answer("x", answer(503, wait=1.5), answer(202))
    await knative.start(knative.trigger("x", ordered=True, retry=1))
    for number in range(5):
        await knative.send(id=str(number), partitionkey="customer 7")
    await knative.send(id="other", partitionkey="customer 8")
    await knative.settled()
    ids = [event.id for event in knative.subscribers.events("x")]
    assert [name for name in ids if name != "other"] == ["0", "0", "1", "2", "3", "4"]
    assert ids.index("other") < 2


@pytest.mark.parametrize(
    ("spec", "types"),
    [
        ({}, {"a.b", "a.c", "x"}),
        ({"filter": {"attributes": {"type": "a.b"}}}, {"a.b"}),
        ({"filter": {"attributes": {"type": "", "tool": ""}}}, {"x"}),
        ({"filters_": [{"exact": {"type": "a.b"}}]}, {"a.b"}),
        ({"filters_": [{"prefix": {"type": "a."}}]}, {"a.b", "a.c"}),
        ({"filters_": [{"suffix": {"type": ".c"}}]}, {"a.c"}),
        ({"filters_": [{"any": [{"exact": {"id": "0"}}, {"suffix": {"type": "c"}}]}]}, {"a.c"}),
        ({"filters_": [{"all": [{"prefix": {"type": "a"}}, {"suffix": {"type": "b"}}]}]}, {"a.b"}),
        ({"filters_": [{"prefix": {"type": "a"}}, {"suffix": {"type": "b"}}]}, {"a.b"}),
        ({"filters_": [{"not": {"exact": {"tool": "llm"}}}]}, {"a.b", "a.c"}),
        ({"filters_": [{"cesql": "type LIKE 'a.%' AND NOT EXISTS tool"}]}, {"a.b", "a.c"}),
        ({"filters_": [{"cesql": "tool = 'llm'"}, {"cesql": "INT(id) > 1"}]}, set()),
        ({"filter": X, "filters_": [{"exact": {"type": "a.b"}}]}, {"a.b"}),
        ({"filter": X, "filters_": []}, {"x"}),
    ],
)
async def test_filters(knative: Knative, spec: dict[str, Any], types: set[str]) -> None:
    """Each dialect lets through what the Trigger specification says."""
    await knative.start(knative.trigger("t", **spec))
    await knative.send(type="a.b")
    await knative.send(type="a.c")
    await knative.send(type="x", tool="llm")
    await knative.settled()
    assert {event.type for event in knative.subscribers.events("t")} == types


def _waits(knative: Knative, name: str) -> list[float]:
    """Return the seconds between a subscriber's requests."""
    times = [request.at for request in knative.subscribers.requests[name]]
    return [later - earlier for earlier, later in itertools.pairwise(times)]
