"""Property-based tests: whatever event there is, it survives every mode unchanged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events import envelope
from events.envelope import EnvelopeError, Event

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.events.conftest import Malformed

COUNT = 10_000
SEED = 20260102

text = st.text(
    st.characters(
        exclude_categories=["Cs", "Cc"],
        exclude_characters="".join(
            chr(plane * 0x10000 + last) for plane in range(17) for last in (0xFFFE, 0xFFFF)
        )
        + "".join(map(chr, range(0xFDD0, 0xFDF0))),
    )
)
filled = text.filter(bool)
sources = st.from_regex(
    r"(urn:[a-z]{1,5}:|https://[a-z.]{1,9}/|/)[A-Za-z0-9/._~%20-]*", fullmatch=True
)
sources = sources.filter(lambda source: "%" not in source)
times = st.datetimes(timezones=st.timezones()).map(
    lambda time: f"{time.replace(tzinfo=None).isoformat(timespec='microseconds').zfill(26)}+01:00"
)
names = st.from_regex(r"x[a-z0-9]{1,20}", fullmatch=True)
extensions = st.dictionaries(
    names, text | st.booleans() | st.integers(-(2**31), 2**31 - 1), max_size=5
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=8,
)
kinds = st.sampled_from(
    [None, "application/octet-stream", "text/plain", "text/plain; charset=utf-8"]
)


@st.composite
def events(draw: st.DrawFn) -> Event:
    """Draw any well-formed event."""
    optional = {"subject": filled, "time": times}
    attributes: dict[str, Any] = draw(extensions)
    attributes |= {name: draw(value) for name, value in optional.items() if draw(st.booleans())}
    if draw(st.booleans()):
        data = json.dumps(draw(values), ensure_ascii=False, separators=(",", ":")).encode()
        attributes["datacontenttype"] = "application/json"
    else:
        data = draw(st.binary())
        attributes["datacontenttype"] = draw(kinds)
    return envelope.create(
        id=draw(filled), source=draw(sources), type=draw(filled), data=data, **attributes
    )


def canonical(event: Event) -> dict[str, str | None]:
    """Return every attribute as binary mode can express it."""
    return {name: event.get(name) for name in event.attributes}


@given(events())
def test_binary(event: Event) -> None:
    """Binary mode keeps the payload's bytes and every attribute's canonical string."""
    headers, body = envelope.to_binary(event)
    assert all(value.isascii() and value.isprintable() for value in headers.values())
    read = envelope.parse(headers.items(), body)
    assert (canonical(read), read.data) == (canonical(event), event.data)
    assert envelope.to_binary(read) == (headers, body)


@given(events())
def test_structured(event: Event) -> None:
    """Structured mode keeps every attribute with its type, and the payload."""
    headers, body = envelope.to_structured(event)
    assert envelope.parse(headers.items(), body) == event


@given(st.lists(events(), max_size=3))
def test_batch(batch: list[Event]) -> None:
    """Batched mode keeps every event, in order."""
    headers, body = envelope.to_batch(batch)
    assert envelope.parse_batch(headers.items(), body) == batch


@given(values)
def test_json(value: Any) -> None:
    """A JSON value that goes in as data comes out as the same value."""
    event = envelope.create(id="1", source="/s", type="t", data=value)
    assert event.json() == value


HEADERS = st.sampled_from(["ce-id", "ce-source", "ce-type", "ce-specversion", "ce-time", "ce-x"])
KINDS = st.sampled_from(["application/json", "application/cloudevents+json", "text/plain", "x"])


def outcome(read: Callable[..., object], headers: list[tuple[str, str]], body: bytes) -> str:
    """Return "accepted", or what the EnvelopeError said; it must name attribute and reason."""
    try:
        read(headers, body)
    except EnvelopeError as error:
        return f"{error.attribute}: {error.reason}" if error.attribute and error.reason else ""
    return "accepted"


@settings(max_examples=500)
@given(
    st.lists(st.tuples(HEADERS, st.text()) | st.tuples(st.just("Content-Type"), KINDS)),
    st.binary() | values.map(lambda value: json.dumps(value).encode()),
)
def test_anything(headers: list[tuple[str, str]], body: bytes) -> None:
    """Whatever comes in, the codec answers with an event or with an EnvelopeError."""
    for read in (envelope.parse, envelope.parse_batch):
        assert outcome(read, headers, body)


def test_malformed(malformed: Malformed) -> None:
    """Ten thousand distinct malformed events are refused, each naming attribute and reason."""
    accepted = []
    for headers, body, why in malformed(SEED, COUNT):
        sent = list(headers.items())
        read = envelope.parse_batch if envelope.is_batch(sent) else envelope.parse
        if outcome(read, sent, body) == "accepted":
            accepted.append(why)
    assert accepted == []


@pytest.mark.parametrize("count", [500])
def test_malformed_is_repeatable(malformed: Malformed, count: int) -> None:
    """The same seed gives the same distinct requests, in well-formed HTTP."""
    first = list(malformed(1, count))
    assert first == list(malformed(1, count))
    assert len({(tuple(headers.items()), body) for headers, body, _ in first}) == count
    for headers, _, _ in first:
        assert all(value.isprintable() for value in headers.values())
