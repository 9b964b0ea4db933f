"""What a message's HTTP headers say of an event, before anything is made of it.

Source: cloudevents/spec `bindings/http-protocol-binding.md`, sections 3 and 3.1.3.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from events.attributes import EnvelopeError, media, shown

if TYPE_CHECKING:
    from collections.abc import Iterable

STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"

_FAMILY: Final = "application/cloudevents"
_PREFIX: Final = "ce-"
_BLANKS: Final = " \t"
_BAD_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')


def split(headers: Iterable[tuple[str, str]]) -> tuple[dict[str, str], str | None]:
    """Return the `ce-` headers by attribute name, as sent, and the content type.

    Raises EnvelopeError where a header that counts appears twice.
    """
    given: dict[str, str] = {}
    kind: str | None = None
    repeated: str | None = None
    for header, value in headers:
        name = header.lower()
        if name == "content-type":
            if kind is not None:
                raise EnvelopeError("content-type", "appears twice")
            kind = value.strip(_BLANKS)
        elif name.startswith(_PREFIX):
            attribute = name.removeprefix(_PREFIX)
            repeated = attribute if attribute in given else repeated
            given[attribute] = value.strip(_BLANKS)
    if repeated is not None and mode(kind) is None:
        raise EnvelopeError(shown(repeated), "appears twice")
    return given, kind


def mode(kind: str | None) -> str | None:
    """Return STRUCTURED or BATCH where the content type says so; None means binary mode.

    Raises EnvelopeError for an event format that is not JSON.
    """
    if kind is None or not kind.lower().startswith(_FAMILY):
        return None
    declared = media(kind, "content-type")
    if declared.essence not in {STRUCTURED, BATCH}:
        raise EnvelopeError("content-type", f"'{shown(kind)}' is no event format known here")
    if declared.charset not in {None, "utf-8"}:
        raise EnvelopeError("content-type", f"says {declared.charset}, but JSON is UTF-8")
    return declared.essence


def is_batch(headers: Iterable[tuple[str, str]]) -> bool:
    """Whether a message says that it holds a batch of events."""
    for name, value in headers:
        if name.lower() == "content-type":
            return value.strip().lower().startswith(f"{_FAMILY}-batch")
    return False


def unquoted(name: str, value: str) -> str:
    """Return the attribute that a header value stands for (section 3.1.3.2)."""
    if not (value.isascii() and value.isprintable()):
        raise EnvelopeError(name, "its header holds characters that must be percent-encoded")
    if '"' in value:
        match = _QUOTED.fullmatch(value)
        if match is None:
            raise EnvelopeError(name, "its header has a stray double quote; send %22")
        value = re.sub(r"\\(.)", r"\1", match[1])
    return _decoded(name, value) if "%" in value else value


def _decoded(name: str, value: str) -> str:
    if _BAD_PERCENT.search(value):
        raise EnvelopeError(name, "its header has a % without two hexadecimal digits; send %25")
    try:
        return unquote_to_bytes(value).decode()
    except UnicodeDecodeError:
        raise EnvelopeError(name, "its header percent-encodes bytes that are not UTF-8") from None
