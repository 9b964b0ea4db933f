"""The MUSTs of the CloudEvents 1.0 HTTP protocol binding, one test each, over real HTTP.

Each test sends through the running broker to a real subscriber, so that the broker is the
receiver and the sender under test. Section numbers are those of
cloudevents/spec `bindings/http-protocol-binding.md`; "JSON" is `formats/json-format.md`.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

CORE = [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/s"), ("ce-type", "to.binary")]
MEMBERS = {"specversion": "1.0", "id": "1", "source": "/s", "type": "to.binary"}
STRUCTURED = ("Content-Type", "application/cloudevents+json")
BATCH = ("Content-Type", "application/cloudevents-batch+json")
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def members(**more: Any) -> bytes:
    """Return one event of the JSON format."""
    return json.dumps(MEMBERS | more).encode()


async def header(link: Any, value: str) -> str | None:
    """Send an extension by this header value; return the header it leaves with."""
    message = await link.forward([*CORE, ("ce-ext", value)])
    found: str | None = message.header("ce-ext")
    return found


async def refused(link: Any, headers: list[tuple[str, str]], body: bytes = b"") -> Any:
    """Expect a 400 problem, and nothing delivered or stored; return the problem."""
    answer = await link.send(headers, body)
    assert answer.status == 400
    assert answer.header("content-type") == "application/problem+json"
    assert link.broker.stats().accepted == 0
    assert link.received == []
    return json.loads(answer.body)


async def test_structured_json_is_supported(link: Any) -> None:
    """1.4: whoever supports structured mode MUST support the JSON event format."""
    message = await link.forward([STRUCTURED], members(data={"a": 1}))
    assert json.loads(message.body) == {"a": 1}


async def test_batches_are_not_sent_unsolicited(link: Any) -> None:
    """3: batched mode MUST NOT be used unless solicited: a batch leaves as single events."""
    body = json.dumps([MEMBERS, MEMBERS | {"id": "2"}]).encode()
    assert (await link.send([BATCH], body)).status == 202
    assert {message.header("ce-id") for message in await link.arrived(2)} == {"1", "2"}


@pytest.mark.parametrize(
    "kind", ["application/cloudevents+json; charset=UTF-8", "Application/CloudEvents+JSON"]
)
async def test_mode_by_content_type(link: Any, kind: str) -> None:
    """3: the content type, matched case-insensitively, tells structured from binary mode."""
    message = await link.forward([("content-type", kind), *CORE], members(id="of the body"))
    assert message.header("ce-id") == "of%20the%20body"


async def test_unknown_event_format(link: Any) -> None:
    """3: what is marked as a CloudEvent in another format is not taken for something else."""
    problem = await refused(link, [*CORE, ("Content-Type", "application/cloudevents+avro")], b"x")
    assert problem["attribute"] == "content-type"


async def test_content_type_is_datacontenttype(link: Any) -> None:
    """3.1.1: Content-Type MUST be read from and written to `datacontenttype`."""
    headers = [*CORE[:3], ("ce-type", "to.structured"), ("Content-Type", "text/plain")]
    assert json.loads((await link.forward(headers, b"x")).body)["datacontenttype"] == "text/plain"
    body = members(datacontenttype="text/plain; charset=utf-8", data="x")
    message = await link.forward([STRUCTURED], body)
    assert message.header("content-type") == "text/plain; charset=utf-8"


async def test_no_content_type_is_none(link: Any) -> None:
    """3.1.1: an event without `datacontenttype` leaves without Content-Type."""
    assert (await link.forward(CORE, b"\x00")).header("content-type") is None


async def test_datacontenttype_header_is_refused(link: Any) -> None:
    """3.1.1: `ce-datacontenttype` MUST NOT be present: refused when received, never sent."""
    problem = await refused(link, [*CORE, ("ce-datacontenttype", "text/plain")])
    assert problem["attribute"] == "datacontenttype"
    message = await link.forward([STRUCTURED], members(datacontenttype="a/b", data_base64="eA=="))
    assert "ce-datacontenttype" not in message.names()


async def test_data_is_the_body(link: Any) -> None:
    """3.1.2: the data's bytes are the body, unchanged, whatever they are."""
    for body in (b'{ "a" :1 }\n', b"\x00\xff\r\n\r\n", b"0"):
        assert (await link.forward(CORE, body)).body == body


async def test_each_attribute_is_a_header(link: Any) -> None:
    """3.1.3: every attribute MUST have a header of its own, extensions included."""
    extra = {"subject": "s", "time": "2026-01-02T03:04:05Z", "dataschema": "http://s/", "ext": "e"}
    message = await link.forward([STRUCTURED], members(**extra))
    sent = MEMBERS | extra
    assert {name: message.header(f"ce-{name}") for name in sent} == sent


async def test_repeated_header(link: Any) -> None:
    """3.1.3: attributes map to distinct headers: one that stands twice is refused."""
    assert (await refused(link, [*CORE, ("CE-Id", "2")]))["attribute"] == "id"


async def test_secondary_mapping(link: Any) -> None:
    """3.1.3: an attribute with a header of its own MUST also be there with the prefix."""
    message = await link.forward([*CORE, ("ce-traceparent", TRACE)])
    assert message.header("ce-traceparent") == message.header("traceparent") == TRACE


async def test_header_names(link: Any) -> None:
    """3.1.3.1: names are the attributes' with `ce-` before them, in any case."""
    message = await link.forward([(name.upper(), value) for name, value in CORE])
    assert {"ce-specversion", "ce-id", "ce-source", "ce-type"} <= message.names()


async def test_canonical_values(link: Any) -> None:
    """3.1.3.2: header values are the canonical strings of the attributes' types."""
    message = await link.forward([STRUCTURED], members(yes=True, no=False, count=-7))
    values = [message.header(f"ce-{name}") for name in ("yes", "no", "count")]
    assert values == ["true", "false", "-7"]


async def test_percent_encoding(link: Any) -> None:
    """3.1.3.2: space, quote, percent and all beyond printable ASCII MUST be percent-encoded."""
    text = 'Euro € 😀 "100%" \u00a0~!'
    message = await link.forward([STRUCTURED], members(ext=text))
    expected = "Euro%20%E2%82%AC%20%F0%9F%98%80%20%22100%25%22%20%C2%A0~!"
    assert message.header("ce-ext") == expected
    for _, value in message.headers:
        assert all(0x20 <= byte < 0x7F for byte in value)


async def test_surrogate_pairs(link: Any) -> None:
    """3.1.3.2: a surrogate pair MUST be treated as the one character it stands for."""
    body = members().replace(b"}", b', "ext": "\\ud83d\\ude00"}')
    assert (await link.forward([STRUCTURED], body)).header("ce-ext") == "%F0%9F%98%80"


async def test_unprintable_headers(link: Any) -> None:
    """3.1.3.2: headers MUST only use printable US-ASCII: raw UTF-8 is refused."""
    assert (await refused(link, [*CORE, ("ce-ext", "é")]))["attribute"] == "ext"


@pytest.mark.parametrize(
    ("sent", "left"),
    [
        ('"a b"', "a%20b"),
        (r'"say \"hi\""', "say%20%22hi%22"),
        (r'"back\\slash"', "back\\slash"),
        ('"Euro%20%E2%82%AC"', "Euro%20%E2%82%AC"),
        ("a b", "a%20b"),
    ],
)
async def test_double_quotes(link: Any, sent: str, left: str) -> None:
    """3.1.3.2: double-quoted values MUST be unescaped first; raw spaces are accepted."""
    assert await header(link, sent) == left


async def test_single_round_of_decoding(link: Any) -> None:
    """3.1.3.2: a single round of percent-decoding MUST be performed."""
    assert await header(link, "%2541") == "%2541"


async def test_lower_case_hex(link: Any) -> None:
    """3.1.3.2: decoding MUST accept lower-case hexadecimal digits."""
    assert await header(link, "%e2%82%ac") == "%E2%82%AC"


async def test_unnecessary_encoding(link: Any) -> None:
    """3.1.3.2: values that are unnecessarily percent-encoded MUST be accepted."""
    assert await header(link, "%41%2F%7e") == "A/~"


@pytest.mark.parametrize("value", ["%C0%A0", "%FF", "%E2%82", "%ED%A0%80", "%F4%90%80%80"])
async def test_invalid_utf8(link: Any, value: str) -> None:
    """3.1.3.2: encoded bytes that are invalid in UTF-8 MUST be rejected."""
    assert (await refused(link, [*CORE, ("ce-ext", value)]))["attribute"] == "ext"


async def test_structured_content_type(link: Any) -> None:
    """3.2.1: a structured message's Content-Type MUST be the event format's media type."""
    message = await link.forward([STRUCTURED], members(type="to.structured"))
    assert message.header("content-type") == "application/cloudevents+json"


async def test_structured_has_every_attribute(link: Any) -> None:
    """3.2.3: all attributes MUST be in the payload, whatever the headers say."""
    extra = {"type": "to.structured", "subject": "é", "ext": 5, "flag": True, "data": [1]}
    message = await link.forward([STRUCTURED], members(**extra))
    assert json.loads(message.body).items() >= (MEMBERS | extra).items()
    problem = await link.send([STRUCTURED, *CORE], b'{"specversion": "1.0"}')
    assert problem.status == 400


async def test_batch_content_type(link: Any) -> None:
    """3.3.1: a batch is what its media type says; an array under another is no batch."""
    assert (await refused(link, [STRUCTURED], b"[" + members() + b"]"))["attribute"] == "body"


async def test_batch_is_taken_whole(link: Any) -> None:
    """3.3.2: a batch with one malformed event is refused as a whole."""
    problem = await refused(link, [BATCH], b"[" + members() + b', {"specversion": "1.0"}]')
    assert "event 1" in problem["detail"]


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type"])
async def test_required_attributes(link: Any, name: str) -> None:
    """spec, REQUIRED attributes: a message without one of them is no valid CloudEvent."""
    headers = [each for each in CORE if each[0] != f"ce-{name}"]
    assert (await refused(link, headers))["attribute"] == name


async def test_null_attributes(link: Any) -> None:
    """JSON 2.2: a null attribute MUST be treated as omitted."""
    message = await link.forward([STRUCTURED], members(subject=None, ext=None))
    assert not {"ce-subject", "ce-ext"} & message.names()


async def test_data_base64(link: Any) -> None:
    """JSON 3.1.2: `data_base64` MUST be decoded to the binary data it stands for."""
    assert (await link.forward([STRUCTURED], members(data_base64="AP8="))).body == b"\x00\xff"


async def test_binary_data_in_json(link: Any) -> None:
    """JSON 3.1.1: binary data MUST be written as `data_base64`, JSON data as a JSON value."""
    headers = [*CORE[:3], ("ce-type", "to.structured")]
    message = json.loads((await link.forward([*headers, ("content-type", "a/b")], b"\xff")).body)
    assert (message["data_base64"], "data" in message) == ("/w==", False)
    kind = ("content-type", "application/json; charset=utf-8")
    assert json.loads((await link.forward([*headers, kind], b'"x"')).body)["data"] == "x"


async def test_string_data_is_no_document(link: Any) -> None:
    """JSON 3.1.2: a string under a JSON type MUST NOT be parsed as a JSON document again."""
    message = await link.forward([STRUCTURED], members(data="[1]"))
    assert message.body == b'"[1]"'
    assert message.header("content-type") == "application/json"


async def test_media_type_is_case_insensitive(link: Any) -> None:
    """spec, datacontenttype: media types MUST be treated case-insensitively by consumers."""
    broken = [*CORE, ("Content-Type", "APPLICATION/Json; CharSet=UTF-8")]
    assert (await refused(link, broken, b"{"))["attribute"] == "data"
