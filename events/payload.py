"""An event's payload: JSON text that is exactly JSON, and text in its declared charset.

orjson judges: it refuses NaN, numbers beyond a double, lone surrogates, byte order marks and
invalid UTF-8, all of which the standard library lets through.
"""

from __future__ import annotations

import base64
import binascii
import json
from itertools import chain
from typing import Any, Final

import orjson

from events.attributes import EnvelopeError, Media, shown

MAX_DEPTH: Final = 200
"""Levels of arrays and objects a JSON value may nest: every parser downstream has such a limit."""

_DIGITS: Final = bytes(0 if 0x30 <= byte <= 0x39 else 1 for byte in range(256))  # noqa: PLR2004 - 0 to 9
_LONG: Final = bytes(19)
_UTF8: Final = frozenset({None, "utf-8", "us-ascii"})


def load(text: bytes, attribute: str = "data") -> Any:
    """Parse JSON text strictly; raise EnvelopeError about `attribute` where it is none."""
    value = _judged(text, attribute, MAX_DEPTH)
    # orjson turns integers beyond 64 bits into doubles; the standard library keeps them.
    return json.loads(text) if _LONG in text.translate(_DIGITS) else value


def load_envelope(text: bytes) -> Any:
    """Parse a JSON envelope as `load` does; its objects know whether they repeat a member."""
    _judged(text, "body", MAX_DEPTH + 2)  # the event, and the batch round it
    return json.loads(text, object_pairs_hook=_members)


class Members(dict[str, Any]):
    """A JSON object that remembers the first member name it was given twice."""

    repeated: str | None = None


def _members(pairs: list[tuple[str, Any]]) -> Members:
    made = Members(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        made.repeated = next(name for name in names if names.count(name) > 1)
    return made


def dump(value: Any) -> bytes:
    """Write a JSON value as compact UTF-8; raise EnvelopeError where it is none."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise EnvelopeError("data", f"cannot be written as JSON: {error}") from None


def check(data: bytes | None, declared: Media) -> None:
    """Raise EnvelopeError where the payload is not the JSON that its media type declares."""
    if not declared.is_json:
        return
    if declared.charset not in _UTF8:
        raise EnvelopeError("datacontenttype", f"says {declared.charset}, but JSON is UTF-8")
    if data is not None:
        _judged(data, "data", MAX_DEPTH)


def from_text(text: str, declared: Media) -> bytes:
    """Encode a structured event's string payload in the charset its media type declares."""
    try:
        return text.encode(declared.charset or "utf-8")
    except LookupError:
        reason = f"declares the unknown charset '{shown(declared.charset or '')}'"
        raise EnvelopeError("datacontenttype", reason) from None
    except ValueError:
        raise EnvelopeError("data", f"cannot be written as {declared.charset}") from None


def to_text(data: bytes, declared: Media) -> str | None:
    """Return a textual payload as a string that `from_text` turns back; None where it is not."""
    if not declared.essence.startswith("text/") or declared.charset not in _UTF8:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def from_base64(text: object) -> bytes:
    """Decode a `data_base64` member strictly (RFC 4648, section 4)."""
    if not isinstance(text, str):
        raise EnvelopeError("data_base64", "must be a string")
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise EnvelopeError("data_base64", "is not valid Base64 (RFC 4648)") from None


def _judged(text: bytes, attribute: str, limit: int) -> Any:
    try:
        value = orjson.loads(text)
    except ValueError as error:  # orjson's JSONDecodeError is one
        raise EnvelopeError(attribute, f"is not valid JSON: {error}") from None
    if text.count(b"[") + text.count(b"{") > limit and _depth(value) > limit:
        raise EnvelopeError(attribute, f"nests deeper than {limit} levels")
    return value


def _depth(value: Any) -> int:
    """Return how many arrays and objects stand within each other, without recursion."""
    level, depth = [value], 0
    while level := [node for node in level if isinstance(node, list | dict)]:
        depth += 1
        inner = (node.values() if isinstance(node, dict) else node for node in level)
        level = list(chain.from_iterable(inner))
    return depth
