"""Well-formed HTTP requests that carry malformed events, as many distinct ones as wanted.

Each starts from a random well-formed event and gets exactly one thing wrong, so that a
receiver that overlooks one rule takes in some of them. Nothing here uses the codec.
"""

from __future__ import annotations

import base64
import json
import random
import string
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Request = tuple[dict[str, str], bytes, str]

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
REQUIRED = ("specversion", "id", "source", "type")
VERSIONS = ["0.3", "1", "1.0.2", "2.0", "v1.0", "one", "1,0"]
SOURCES = ["a b", "/a%", "/a%2", "/a%zz", "http://[::1", "//h:p/", "1a:b", ":x", "/<x>", "/a|b"]
SOURCES += ["/{x}", "/a\\b", "/a^b", "http://a b/", "/x#a#b", "/`", "\u00e9", "http://h:80x/"]
SCHEMAS = ["schema.json", "/schema", "//host/schema", "http:// x", "https://h/s#part", "1:x"]
TIMES = ["now", "2026-01-02", "2026-01-02T03:04:05", "2026-13-02T03:04:05Z", "1767322800"]
TIMES += ["2026-02-30T03:04:05Z", "2026-01-02T24:04:05Z", "2026-01-02T03:60:05Z"]
TIMES += ["2026-01-02T03:04:60Z", "2026-01-02T03:04:05+25:00", "2026-01-02 03:04:05Z"]
TIMES += ["20260102T030405Z", "2026-01-02T03:04Z", "2026-01-02T03:04:05.Z", "2026-W01-1"]
TIMES += ["2026-01-02T03:04:05+0100", "2026-01-02T03:04:05,5Z", "0000-01-02T03:04:05Z"]
KINDS = ["json", "application/", "/json", "application json", "a/b/c", "application/json; charset"]
KINDS += ["application/json; =utf-8", "text/plain; a=1; a=2", "application/json,text/plain", ";"]
NOT_JSON = [b"{", b'{"a":1', b"{'a':1}", b'{"a":1,}', b"[1,]", b"NaN", b"[Infinity]", b"-", b"01"]
NOT_JSON += [b"tru", b'"\x01"', b'"\xff\xfe"', b"\xef\xbb\xbf{}", b'"\\ud800"', b'"\\x"', b"{} {}"]
NOT_JSON += [b"1e999", b"<a/>", b"a=b", b"[" * 5000, b"[" * 300 + b"]" * 300, b" ", b'{"a" 1}']
ESCAPES = ["%", "100%", "%4", "%zz", "%C0%A0", "%FF", "%ED%A0%80", "%E2%82", "%F8%88%80%80%80"]
ESCAPES += ["a%0Ab", "%00", "%7F", "%C2%85", "%EF%BF%BE", "%EF%B7%90", "%F0%9F%BF%BF", "caf\u00e9"]
ESCAPES += ['a"b', '"open', 'say "it" loud', '"a" "b"', '"\\"']
NAMES = ["foo_bar", "foo-bar", "foo.bar", "a" * 65, "data", "datacontenttype", "!", "f$o", "a~b"]
FORMATS = ["application/cloudevents+xml", "application/cloudevents", "application/cloudevents+avro"]
FORMATS += ["application/cloudevents+json; charset=utf-16", "application/cloudevents-batch"]
FORMATS += ["application/cloudevents+json; charset=latin-1", "application/cloudevents+jso"]
CONTROLS = ["\x00", "a\nb", "\x7f", "\x85", "\ufffe", "\ufdd0", "\U0001ffff", "\ud800", "\udead x"]
VALUES: list[Any] = [1.5, 1.0, {}, {"a": 1}, [], ["x"], 2**31, -(2**31) - 1, 10**30, 1e10]


def requests(seed: int, count: int) -> Iterator[Request]:
    """Yield `count` distinct (headers, body, what is wrong), the same ones for the same seed."""
    chance = random.Random(seed)
    seen: set[tuple[Any, ...]] = set()
    while len(seen) < count:
        spoil = chance.choice(SPOILERS)
        headers, body, why = spoil(chance)
        key = (*sorted(headers.items()), body)
        if key not in seen:
            seen.add(key)
            yield headers, body, why


def _word(chance: random.Random, size: int = 10) -> str:
    return "".join(chance.choices(string.ascii_lowercase + string.digits, k=size))


def _attributes(chance: random.Random) -> dict[str, Any]:
    made: dict[str, Any] = {
        "specversion": "1.0",
        "id": _word(chance),
        "source": f"/{_word(chance)}",
    }
    made |= {"type": f"com.example.{_word(chance)}", f"x{_word(chance, 4)}": _word(chance, 3)}
    if chance.random() < 0.5:
        made["time"] = f"20{chance.randint(10, 99)}-01-02T03:04:05Z"
    if chance.random() < 0.5:
        made["subject"] = _word(chance)
    return made


def _binary(attributes: dict[str, Any], kind: str = "application/json") -> dict[str, str]:
    headers = {f"ce-{name}": str(value) for name, value in attributes.items()}
    return {**headers, "content-type": kind}


def _any(
    chance: random.Random, attributes: dict[str, Any], why: str, data: bytes = b"{}"
) -> Request:
    """Send attributes in either mode; for faults that both modes can express."""
    if chance.random() < 0.5 and all(str(value).isascii() for value in attributes.values()):
        headers = _binary({k: v for k, v in attributes.items() if k != "datacontenttype"})
        headers["content-type"] = attributes.get("datacontenttype", "application/json")
        return headers, data, f"binary: {why}"
    return _members(chance, {**attributes, "data": {}}, why)


def _members(chance: random.Random, members: dict[str, Any], why: str) -> Request:
    """Send one event of the JSON format, alone or among sound ones in a batch."""
    body = json.dumps(members).encode()
    return _text(chance, body, why)


def _text(chance: random.Random, body: bytes, why: str) -> Request:
    if chance.random() < 0.8:
        kind = chance.choice([STRUCTURED, STRUCTURED.title(), f"{STRUCTURED}; charset=UTF-8"])
        return {"content-type": kind}, body, f"structured: {why}"
    sound = [json.dumps(_attributes(chance)).encode() for _ in range(chance.randint(0, 2))]
    sound.insert(chance.randint(0, len(sound)), body)
    return {"content-type": BATCH}, b"[" + b",".join(sound) + b"]", f"batch: {why}"


def _missing(chance: random.Random) -> Request:
    attributes, name = _attributes(chance), chance.choice(REQUIRED)
    del attributes[name]
    return _any(chance, attributes, f"no {name}")


def _blank(chance: random.Random) -> Request:
    name = chance.choice([*REQUIRED, "subject", "time", "dataschema"])
    return _any(chance, _attributes(chance) | {name: ""}, f"empty {name}")


def _wrong(chance: random.Random) -> Request:
    rules = {"specversion": VERSIONS, "source": SOURCES, "dataschema": SCHEMAS, "time": TIMES}
    name, values = chance.choice([*rules.items(), ("datacontenttype", KINDS)])
    value = chance.choice(values)
    return _any(chance, _attributes(chance) | {name: value}, f"{name} {value!r}")


def _header_text(chance: random.Random) -> Request:
    attributes, value = _attributes(chance), chance.choice(ESCAPES)
    name = chance.choice(["id", "type", "subject", "someextension"])
    return _binary(attributes | {name: value}), b"{}", f"binary: {name} header {value!r}"


def _name(chance: random.Random) -> Request:
    name = chance.choice(NAMES)
    return _binary(_attributes(chance) | {name: "x"}), b"{}", f"binary: header ce-{name}"


def _member_name(chance: random.Random) -> Request:
    name = chance.choice(["Foo", "foo_bar", "foo-bar", "ID", "", "caf\u00e9", "a" * 65, "a b"])
    return _members(chance, _attributes(chance) | {name: "x"}, f"member {name!r}")


def _payload(chance: random.Random) -> Request:
    kind = chance.choice(["application/json", "Application/JSON", "application/x+json"])
    data = chance.choice(NOT_JSON)
    return _binary(_attributes(chance), kind), data, f"binary: {kind} data {data[:20]!r}"


def _charset(chance: random.Random) -> Request:
    kind = f"application/json; charset={chance.choice(['utf-16', 'latin-1', 'utf-32'])}"
    return _any(chance, _attributes(chance) | {"datacontenttype": kind}, kind)


def _format(chance: random.Random) -> Request:
    attributes, kind = _attributes(chance), chance.choice(FORMATS)
    return {"content-type": kind}, json.dumps(attributes).encode(), f"format {kind}"


def _twice(chance: random.Random) -> Request:
    attributes = _attributes(chance)
    name = chance.choice(list(attributes))
    other = chance.choice([str(attributes[name]), _word(chance)])
    headers = {**_binary(attributes), f"CE-{name}": other}
    return headers, b"{}", f"binary: {name} twice"


def _member_twice(chance: random.Random) -> Request:
    members = {**_attributes(chance), "data": 1}
    name = chance.choice(list(members))
    text = json.dumps(members)[:-1] + f", {json.dumps(name)}: {json.dumps(members[name])}}}"
    return _text(chance, text.encode(), f"member {name} twice")


def _member_value(chance: random.Random) -> Request:
    value = chance.choice([*VALUES, *CONTROLS])
    name = chance.choice([*REQUIRED[1:], "subject", "anextension"])
    return _members(chance, _attributes(chance) | {name: value}, f"{name} is {value!r}")


def _null(chance: random.Random) -> Request:
    name = chance.choice(REQUIRED)
    return _members(chance, _attributes(chance) | {name: None}, f"{name} is null")


def _typed(chance: random.Random) -> Request:
    name = chance.choice([*REQUIRED, "subject", "time", "dataschema", "datacontenttype"])
    value = chance.choice([True, 0, 7, 1.0, {}, []])
    return _members(chance, _attributes(chance) | {name: value}, f"{name} is {value!r}")


def _base64(chance: random.Random) -> Request:
    value = chance.choice(["a", "a===", "YQ", "Y Q=", "YQ=\n", "\u00e9", 7, {}, ["YQ=="], "_-=="])
    return _members(chance, _attributes(chance) | {"data_base64": value}, f"data_base64 {value!r}")


def _both(chance: random.Random) -> Request:
    coded = base64.b64encode(_word(chance).encode()).decode()
    data: Any = chance.choice([None, 1, "x"])
    members = _attributes(chance) | {"data": data, "data_base64": coded}
    return _members(chance, members, "data and data_base64")


def _not_text(chance: random.Random) -> Request:
    kind = chance.choice(["text/plain", "application/xml", "text/plain; charset=nonsense"])
    others: list[Any] = [1, {}, [], True, None]
    data = "text" if "nonsense" in kind else chance.choice(others)
    members = _attributes(chance) | {"datacontenttype": kind, "data": data}
    return _members(chance, members, f"{kind} data {data!r}")


def _not_object(chance: random.Random) -> Request:
    text = chance.choice([b"", b"[]", b"1", b'"x"', b"null", b"true", *NOT_JSON])
    body = text + b" " * chance.randint(0, 20)
    return {"content-type": STRUCTURED}, body, f"structured: body {text[:20]!r}"


def _not_batch(chance: random.Random) -> Request:
    sound = json.dumps(_attributes(chance)).encode()
    body = chance.choice([b"", sound, b"[" + sound, b"[" + sound + b",1]", b"[[" + sound + b"]]"])
    return {"content-type": BATCH}, body, f"batch: body {body[:20]!r}"


def _broken(chance: random.Random) -> Request:
    """Cut a structured event short, or overwrite one of its bytes by one JSON cannot hold."""
    body = json.dumps({**_attributes(chance), "data": {"a": [1, 2]}}).encode()
    at = chance.randrange(1, len(body))
    broken = body[:at] if chance.random() < 0.5 else body[:at] + b"\xff" + body[at + 1 :]
    return {"content-type": STRUCTURED}, broken, f"structured: broken at byte {at}"


def _deep(chance: random.Random) -> Request:
    depth = chance.randint(250, 3000)
    text = json.dumps(_attributes(chance))[:-1]
    body = f'{text}, "data": {"[" * depth}{"]" * depth}}}'
    return _text(chance, body.encode(), f"{depth} levels deep")


def _no_event(chance: random.Random) -> Request:
    body = json.dumps({"word": _word(chance)}).encode()
    kind = chance.choice(["application/json", "text/plain", "application/octet-stream"])
    return {"content-type": kind}, body, "no event at all"


SPOILERS: list[Callable[[random.Random], Request]] = [
    *(_missing, _blank, _wrong, _wrong, _wrong, _header_text, _header_text, _name, _member_name),
    *(_payload, _charset, _format, _twice, _member_twice, _member_value, _null, _typed, _base64),
    *(_both, _not_text, _not_object, _not_batch, _broken, _deep, _no_event),
]
