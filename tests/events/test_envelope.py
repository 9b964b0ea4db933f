"""Tests of the codec's traps: each is one way in which the SDK alone lets something through."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cloudevents.core.bindings import http
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from events import envelope
from events.envelope import EnvelopeError, Event

CORE = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "t"}
MEMBERS = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}
STRUCTURED = "application/cloudevents+json"


def binary(body: bytes = b"", **headers: str) -> Event:
    """Parse a binary message: the core headers and these (`ce_` for `ce-`)."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return envelope.parse((CORE | named).items(), body)


def structured(**members: Any) -> Event:
    """Parse a structured message: the core members and these."""
    body = json.dumps(MEMBERS | members).encode()
    return envelope.parse([("Content-Type", STRUCTURED)], body)


def refused(attribute: str) -> Any:
    """Expect an EnvelopeError about this attribute."""
    return pytest.raises(EnvelopeError, match=f"^{attribute}: .+")


def test_content_type_decides_the_mode() -> None:
    """A structured message with `ce-` headers beside it is read from its body."""
    headers = [*CORE.items(), ("ce-id", "other"), ("content-type", STRUCTURED + "; charset=UTF-8")]
    body = json.dumps(MEMBERS | {"id": "body"}).encode()
    assert envelope.parse(headers, body).id == "body"


def test_no_ce_headers_is_no_event() -> None:
    """JSON that merely looks like an event is not read as one without the media type."""
    with refused("specversion"):
        envelope.parse([("content-type", "application/json")], json.dumps(MEMBERS).encode())


def test_empty_structured_body() -> None:
    """An empty structured body is malformed, not a crash."""
    with refused("body"):
        envelope.parse([("content-type", STRUCTURED)], b"")


def test_empty_binary_body_is_no_data() -> None:
    """An empty binary body means that the event has no data, whatever the content type."""
    event = binary(content_type="application/json")
    assert event.data is None
    assert event.json() is None


def test_parse_refuses_a_batch() -> None:
    """A batch where one event is expected names the content type."""
    with refused("content-type"):
        envelope.parse([("content-type", "application/cloudevents-batch+json")], b"[]")


def test_time_is_not_invented() -> None:
    """An event without time stays without, through every mode."""
    event = binary()
    assert "time" not in event.attributes
    assert "ce-time" not in envelope.to_binary(event)[0]
    assert b"time" not in envelope.to_structured(event)[1]


def test_id_is_not_invented() -> None:
    """The SDK gives an event without id a new one; here it is malformed."""
    headers = {name: value for name, value in CORE.items() if name != "ce-id"}
    with refused("id"):
        envelope.parse(headers.items(), b"")


@pytest.mark.parametrize(
    "time",
    [
        "2026-01-02T03:04:05Z",
        "2026-01-02t03:04:05.123456789z",
        "2026-01-02T03:04:05-00:00",
        "2016-12-31T23:59:60Z",
        "2017-01-01T05:29:60.5+05:30",
        "0001-01-01T00:00:00+23:59",
    ],
)
def test_time_stays_as_written(time: str) -> None:
    """Every RFC 3339 time, leap seconds and nanoseconds included, passes unchanged."""
    assert binary(ce_time=time).attributes["time"] == time
    event = structured(time=time)
    assert envelope.to_binary(event)[0]["ce-time"] == time
    assert json.loads(envelope.to_structured(event)[1])["time"] == time


def test_percent_encoded_time() -> None:
    """An unnecessarily percent-encoded time is decoded like any other attribute."""
    assert binary(ce_time="2026-01-02T03%3A04%3a05Z").attributes["time"] == "2026-01-02T03:04:05Z"


def test_arguments_are_not_mutated() -> None:
    """The SDK's constructor writes into the dict it is given; ours never does."""
    headers, extension = dict(CORE), {"tool": "llm"}
    event = envelope.parse(headers.items(), b"")
    envelope.create(id="1", source="/s", type="t", data={}, **extension)
    envelope.to_binary(event)
    envelope.to_structured(event)
    assert headers == CORE
    assert extension == {"tool": "llm"}
    assert "time" not in event.attributes


def test_event_is_immutable() -> None:
    """Neither the event nor its attributes can be changed in place."""
    event = binary()
    with pytest.raises(TypeError):
        event.attributes["id"] = "2"  # type: ignore[index]


def test_malformed_json_data() -> None:
    """Data that is declared JSON and is not is malformed, not a string."""
    with refused("data"):
        binary(b'{"a":', content_type="application/json")


def test_payload_is_opaque() -> None:
    """The payload's bytes pass unchanged: JSON keeps its layout, and binary stays binary."""
    assert binary(b' {"a" : 1}', content_type="application/json").data == b' {"a" : 1}'
    assert binary(b"\xff\x00", content_type="text/plain").data == b"\xff\x00"
    assert binary(b"{not json").data == b"{not json"


@pytest.mark.parametrize("version", ["0.3", "1", "1.0.2", "", "2.0"])
def test_other_spec_versions(version: str) -> None:
    """Only version 1.0 is spoken; 0.3 is not read by other rules."""
    with refused("specversion"):
        binary(ce_specversion=version)
    with refused("specversion"):
        structured(specversion=version)


def test_repeated_headers() -> None:
    """A header that names an attribute twice is refused, in whatever case it is spelt."""
    with refused("id"):
        envelope.parse([*CORE.items(), ("CE-ID", "1")], b"")
    with refused("content-type"):
        envelope.parse([*CORE.items(), ("content-type", "a/b"), ("Content-Type", "a/b")], b"")


def test_datacontenttype_header() -> None:
    """`ce-datacontenttype` must not be present beside Content-Type (binding, 3.1.1)."""
    with refused("datacontenttype"):
        binary(ce_datacontenttype="application/json")


@pytest.mark.parametrize("name", ["foo_bar", "foo-bar", "data", "", "a" * 65, "é"])
def test_attribute_names(name: str) -> None:
    """Names outside [a-z0-9], too long or reserved are refused."""
    with pytest.raises(EnvelopeError):
        envelope.parse([*CORE.items(), (f"ce-{name}", "x")], b"")
    with pytest.raises(EnvelopeError):
        binary().with_(**{name: "x"})


@pytest.mark.parametrize("value", [1.5, 1.0, [], {}, 2**31, -(2**31) - 1, "\ufffe", "a\x00"])
def test_extension_values(value: Any) -> None:
    """An extension is a string, a boolean or a 32-bit integer (spec, Type System)."""
    with refused("anextension"):
        structured(anextension=value)


def test_extension_types_survive() -> None:
    """Booleans and integers keep their JSON type; as headers they are canonical strings."""
    event = structured(flag=True, off=False, count=-(2**31))
    assert (event.attributes["flag"], event.attributes["count"]) == (True, -(2**31))
    headers, _ = envelope.to_binary(event)
    assert (headers["ce-flag"], headers["ce-off"]) == ("true", "false")
    assert headers["ce-count"] == event.get("count") == "-2147483648"
    assert json.loads(envelope.to_structured(event)[1])["flag"] is True


def test_null_attribute_is_absent() -> None:
    """A JSON null means that the attribute is not there (JSON format, 2.2)."""
    event = structured(subject=None, time=None, ext=None)
    assert not {"subject", "time", "ext"} & set(event.attributes)
    with refused("id"):
        structured(id=None)


def test_null_data_is_data() -> None:
    """A JSON null payload is a payload, distinct from none, and survives every mode."""
    event = structured(data=None)
    assert event.data == b"null"
    assert (
        envelope.parse(
            envelope.to_structured(event)[0].items(), b"".join([envelope.to_structured(event)[1]])
        )
        == event
    )
    assert structured().data is None


def test_implied_content_type() -> None:
    """A JSON event without datacontenttype is application/json once it has `data`."""
    assert structured(data="x").datacontenttype == "application/json"
    assert structured(data="x").data == b'"x"'
    assert structured(data_base64="eA==").datacontenttype is None


@pytest.mark.parametrize("kind", ["image/x+json", "Application/JSON", "text/json;charset=utf-8"])
def test_json_types_the_sdk_misses(kind: str) -> None:
    """Every JSON media type is written as data that reads back; the SDK writes `repr` for some."""
    event = envelope.create(id="1", source="/s", type="t", data={"a": [1]}, datacontenttype=kind)
    headers, body = envelope.to_structured(event)
    assert envelope.parse(headers.items(), body) == event


def test_data_base64() -> None:
    """`data_base64` is strict Base64, and never beside `data`."""
    assert structured(data_base64="/w==").data == b"\xff"
    refusals: list[Any] = ["/w", "/w==\n", "_w==", 5, {}]
    for wrong in refusals:
        with refused("data_base64"):
            structured(data_base64=wrong)
    with refused("data"):
        structured(data_base64="/w==", data=None)


def test_text_data() -> None:
    """Text is written in its declared charset; other values and unknown charsets are refused."""
    event = structured(datacontenttype="text/plain; charset=iso-8859-1", data="é")
    assert event.data == b"\xe9"
    with refused("data"):
        structured(datacontenttype="text/plain", data={})
    with refused("data"):
        structured(datacontenttype="text/plain; charset=us-ascii", data="é")
    with refused("datacontenttype"):
        structured(datacontenttype="text/plain; charset=nonsense", data="x")


def test_repeated_member() -> None:
    """An attribute twice in one JSON object is refused, not silently overwritten."""
    body = json.dumps(MEMBERS)[:-1] + ',"id":"2"}'
    with refused("id"):
        envelope.parse([("content-type", STRUCTURED)], body.encode())


def test_big_numbers_survive() -> None:
    """Integers beyond 64 bits keep every digit."""
    event = structured(data={"n": 12345678901234567890123})
    assert event.json() == {"n": 12345678901234567890123}


@pytest.mark.parametrize("depth", [201, 1000, 100_000])
def test_depth(depth: int) -> None:
    """Deeply nested JSON is refused before any parser's stack is at risk."""
    bomb = b"[" * depth + b"]" * depth
    with refused("data"):
        binary(bomb, content_type="application/json")
    with refused("body"):
        envelope.parse([("content-type", STRUCTURED)], bomb)
    assert binary(b"[" * 200 + b"]" * 200, content_type="application/json").data


def test_size_of_attributes() -> None:
    """Attributes that no HTTP server would take as headers are refused by name."""
    with refused("subject"):
        structured(subject="é" * 20_000)
    with refused("body"):
        structured(**{f"x{index}": "" for index in range(100)})


def test_json_of_other_types() -> None:
    """`json()` reads JSON and undeclared data only, and says what the data is instead."""
    assert binary(b"[1]").json() == [1]
    with pytest.raises(EnvelopeError, match="text/plain"):
        binary(b"[1]", content_type="text/plain").json()


def test_create() -> None:
    """`create` writes JSON values, keeps bytes, and drops attributes that are None."""
    event = envelope.create(id="1", source="/s", type="t", data={"é": 1}, subject=None, n=5)
    assert (event.data, event.datacontenttype) == ('{"é":1}'.encode(), "application/json")
    assert event.attributes.get("subject") is None
    raw = envelope.create(id="1", source="/s", type="t", data=b"x")
    assert (raw.data, raw.datacontenttype) == (b"x", None)
    text = envelope.create(id="1", source="/s", type="t", data="x", datacontenttype="text/plain")
    assert text.data == b"x"


@pytest.mark.parametrize(
    "data", [float("nan"), {"a": float("inf")}, object(), {"a": {1}}, "\ud800"]
)
def test_create_refuses(data: Any) -> None:
    """`create` refuses what JSON cannot hold, as an EnvelopeError."""
    with refused("data"):
        envelope.create(id="1", source="/s", type="t", data=data)


def test_create_is_as_strict_as_parse() -> None:
    """`create` checks attributes by the rules of `parse`."""
    for wrong in ({"source": "a b"}, {"id": ""}, {"time": "now"}, {"specversion": "0.3"}):
        with refused(next(iter(wrong))):
            envelope.create(**({"id": "1", "source": "/s", "type": "t"} | wrong))
    with refused("data"):
        envelope.create(id="1", source="/s", type="t", data={}, datacontenttype="text/plain")


def test_with_and_without() -> None:
    """Copies are checked as the original was, and the original stays."""
    event = binary(b"[]", content_type="application/json", ce_tool="llm")
    assert event.with_(tool="http", n=1).get("n") == "1"
    assert "tool" not in event.without("tool", "absent").attributes
    assert event.get("tool") == "llm"
    with refused("source"):
        event.with_(source="")
    with refused("id"):
        event.without("id")
    with refused("data"):
        binary(b"{").with_(datacontenttype="application/json")


def test_batch() -> None:
    """A batch holds whole events in order; a malformed one is named by its index."""
    events = [structured(id="1", data=1), structured(id="2")]
    headers, body = envelope.to_batch(events)
    assert envelope.is_batch(headers.items())
    assert envelope.parse_batch(headers.items(), body) == events
    assert envelope.parse_batch(headers.items(), b"[]") == []
    with pytest.raises(EnvelopeError, match=r"body: .*event 1"):
        envelope.parse_batch(headers.items(), json.dumps([MEMBERS, 1]).encode())
    with refused("body"):
        envelope.parse_batch(headers.items(), json.dumps(MEMBERS).encode())
    with refused("content-type"):
        envelope.parse_batch([("content-type", STRUCTURED)], b"[]")


def test_sdk_reads_what_we_write() -> None:
    """Our messages are the SDK's own: it reads them back to the same attributes."""
    event = structured(subject="Euro € 😀", data={"a": 1}, time="2026-01-02T03:04:05Z")
    message = http.HTTPMessage(*envelope.to_binary(event))
    read = http.from_http(message, JSONFormat(), CloudEvent)
    assert (read.get_subject(), read.get_data()) == ("Euro € 😀", {"a": 1})
