"""What goes to a subscriber and what its answer means."""

from __future__ import annotations

from base64 import b64decode
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from events.envelope import Event, parse, to_binary, to_structured
from knative.delivery import Answered, NotAnEvent, Response
from knative.local import exchange
from knative.local.exchange import Failure

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2026, 1, 1, tzinfo=UTC)
JSON = ("content-type", "application/json")
STRUCTURED = ("content-type", "application/cloudevents+json")


def test_a_request_is_the_event_in_binary_mode(event: Callable[..., Event]) -> None:
    """Attributes are headers, `Prefer: reply` is on every request, the trace goes along."""
    sent = event(traceparent="00-1-2-01", number=7)
    headers, body = exchange.request(sent, None)
    assert headers["prefer"] == "reply"
    assert headers["traceparent"] == headers["ce-traceparent"] == "00-1-2-01"
    assert body == sent.data
    assert parse(headers.items(), body) == sent.with_(number="7")


def test_a_request_in_structured_mode(event: Callable[..., Event]) -> None:
    """`format: json` sends the whole event as one JSON document."""
    headers, body = exchange.request(event(number=7), "json")
    assert headers["content-type"].startswith("application/cloudevents+json")
    assert parse(headers.items(), body) == event(number=7)


def test_arrival(event: Callable[..., Event]) -> None:
    """The broker keeps the arrival time and takes the TTL off."""
    kept = exchange.arrived(event(knativebrokerttl=3), NOW)
    assert kept == event().with_(knativearrivaltime="2026-01-01T00:00:00.000000Z")


def test_a_dead_letter_is_the_original_with_the_error(event: Callable[..., Event]) -> None:
    """Destination, code and the first 1024 bytes of the body travel with the original."""
    failure = Failure.of(event(), "http://llm/", 422, "refused", b"x" * 5000)
    letter = exchange.dead_letter(event(), failure)
    assert letter.without("knativeerrordest", "knativeerrorcode", "knativeerrordata") == event()
    assert letter.attributes["knativeerrordest"] == "http://llm/"
    assert letter.attributes["knativeerrorcode"] == 422
    assert b64decode(str(letter.attributes["knativeerrordata"])) == b"x" * 1024


def test_a_dead_letter_is_a_valid_event(event: Callable[..., Event]) -> None:
    """Whatever an answer's body held, the dead letter passes the strict codec."""
    failure = Failure.of(event(), "http://llm/", 500, "", b"")
    headers, body = to_binary(exchange.dead_letter(event(), failure))
    assert parse(headers.items(), body).get("knativeerrordata") is None


@pytest.mark.parametrize("write", [to_binary, to_structured])
def test_an_event_is_a_reply(
    write: Callable[[Event], tuple[dict[str, str], bytes]], event: Callable[..., Event]
) -> None:
    """A CloudEvent in a 2xx is a reply, in either mode."""
    headers, body = write(event("9"))
    outcome, reply = exchange.read(Response(200, list(headers.items()), body), NOW)
    assert outcome == Answered(200, body)
    assert reply == event("9")


def test_an_event_without_data_is_a_reply() -> None:
    """An empty body is an event when the headers say so."""
    headers = [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/"), ("ce-type", "t")]
    _, reply = exchange.read(Response(200, headers), NOW)
    assert reply is not None
    assert reply.data is None


@pytest.mark.parametrize(
    "headers", [[], [JSON], [("content-type", "application/cloudevents+json")]]
)
def test_an_empty_body_is_no_reply(headers: list[tuple[str, str]]) -> None:
    """A 2xx without a body ends the delivery, whatever its content type."""
    assert exchange.read(Response(200, headers), NOW) == (Answered(200), None)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ([JSON], b"{}"),
        ([], b"ok"),
        ([STRUCTURED], b"{}"),
        ([("content-type", "application/cloudevents-batch+json")], b"[]"),
        ([("ce-specversion", "1.0")], b""),
    ],
)
def test_anything_else_is_a_failure(headers: list[tuple[str, str]], body: bytes) -> None:
    """A body that is no event is a failure, also one that nearly is."""
    outcome, reply = exchange.read(Response(200, headers, body), NOW)
    assert isinstance(outcome, NotAnEvent)
    assert outcome.body == body
    assert reply is None


def test_a_failing_answer_is_no_reply(event: Callable[..., Event]) -> None:
    """An event in a 5xx is only a body, and Retry-After is read."""
    headers, body = to_binary(event())
    answer = Response(503, [*headers.items(), ("retry-after", "7")], body)
    assert exchange.read(answer, NOW) == (Answered(503, body, 7.0), None)
