"""What the context attributes of a CloudEvent may be: their names, types and values.

Source: cloudevents/spec `spec.md`, "Naming Conventions", "Type System" and the sections of the
attributes; RFC 3986 for URIs, RFC 3339 for times, RFC 2045 for media types.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Value = str | int | bool

REQUIRED: Final = ("specversion", "id", "source", "type")
SPECVERSION: Final = "1.0"
MAX_NAME: Final = 64
MAX_ATTRIBUTES: Final = 100
MAX_SIZE: Final = 64 * 1024
"""Bytes all attributes may take as HTTP headers; intermediaries must forward 64 KiB an event."""

_INTEGERS: Final = range(-(2**31), 2**31)
_NAME: Final = re.compile(rf"[a-z0-9]{{1,{MAX_NAME}}}")
# Controls, surrogates and Unicode's noncharacters, all of which "Type System" forbids.
_FORBIDDEN: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(chr(plane * 0x10000 + last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
    + "]"
)

_PERCENT: Final = r"%[0-9A-Fa-f]{2}"
_PCHAR: Final = rf"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]++|{_PERCENT})"
_NO_COLON: Final = rf"(?:[A-Za-z0-9\-._~!$&'()*+,;=@]++|{_PERCENT})"
_QUERY: Final = rf"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]++|{_PERCENT})*+"
_HOST: Final = (
    r"(?:\[(?:[0-9A-Fa-f:.]+|v[0-9A-Fa-f]+\.[A-Za-z0-9\-._~!$&'()*+,;=:]+)\]"
    rf"|(?:[A-Za-z0-9\-._~!$&'()*+,;=]++|{_PERCENT})*+)"
)
_USER: Final = rf"(?:(?:[A-Za-z0-9\-._~!$&'()*+,;=:]++|{_PERCENT})*+@)?"
_AUTHORITY: Final = rf"//{_USER}{_HOST}(?::[0-9]*)?(?:/{_PCHAR}*+)*+"
_ROOTED: Final = rf"/(?:{_PCHAR}++(?:/{_PCHAR}*+)*+)?"
_ABSOLUTE: Final = (
    rf"[A-Za-z][A-Za-z0-9+\-.]*:"
    rf"(?:{_AUTHORITY}|{_ROOTED}|{_PCHAR}++(?:/{_PCHAR}*+)*+|)(?:\?{_QUERY})?"
)
_RELATIVE: Final = rf"(?:{_AUTHORITY}|{_ROOTED}|{_NO_COLON}++(?:/{_PCHAR}*+)*+|)(?:\?{_QUERY})?"
_URI: Final = re.compile(_ABSOLUTE)
_REFERENCE: Final = re.compile(rf"(?:{_ABSOLUTE}|{_RELATIVE})(?:#{_QUERY})?")

_TIME: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.\d+)?"
    r"(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))",
    re.ASCII,
)
_WORD: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED: Final = r"\"(?:[ !#-\[\]-~]|\\[ -~])*\""
_MEDIA: Final = re.compile(
    rf"(?P<type>{_WORD}/{_WORD})"
    rf"(?P<parameters>(?:[ \t]*+;[ \t]*+{_WORD}=(?:{_WORD}|{_QUOTED}))*)[ \t]*+;?[ \t]*+"
)
_PARAMETER: Final = re.compile(rf";[ \t]*({_WORD})=({_WORD}|{_QUOTED})")
_MAX_MEDIA: Final = 1024
_SHOWN: Final = 60
_SHORT: Final = 256
"""Characters of a value that is worth being remembered."""


class EnvelopeError(ValueError):
    """An event that is not a well-formed CloudEvent: which attribute, and why.

    `attribute` is a context attribute's name, `data`, `content-type` or `body`.
    """

    def __init__(self, attribute: str, reason: str) -> None:
        super().__init__(f"{attribute}: {reason}")
        self.attribute = attribute
        self.reason = reason


class Media(NamedTuple):
    """A media type: `essence` in lower case without parameters; `charset` in lower case."""

    essence: str
    charset: str | None

    @property
    def is_json(self) -> bool:
        """Whether it declares JSON-formatted content (JSON format, section 3.1.1)."""
        subtype = self.essence.partition("/")[2]
        return subtype == "json" or subtype.endswith("+json")


def media(value: str, attribute: str = "datacontenttype") -> Media:
    """Read a media type; raise EnvelopeError about `attribute` where it is none."""
    if len(value) > _MAX_MEDIA:
        raise EnvelopeError(attribute, f"is longer than {_MAX_MEDIA} characters")
    return _media(value, attribute)


@lru_cache(maxsize=256)
def _media(value: str, attribute: str) -> Media:
    match = _MEDIA.fullmatch(value)
    if match is None:
        _reject(attribute, value, "is not a media type such as application/json")
    found = [(n.lower(), v.strip('"').lower()) for n, v in _PARAMETER.findall(match["parameters"])]
    parameters = dict(found)
    if len(parameters) != len(found):
        _reject(attribute, value, "names a parameter twice")
    return Media(match["type"].lower(), parameters.get("charset"))


def canonical(value: Value) -> str:
    """Return the canonical string of an attribute's value, as an HTTP header carries it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


@lru_cache(maxsize=1024)  # the same few names come with every event; errors are not kept
def check_name(name: str) -> None:
    """Raise EnvelopeError unless `name` may name a context attribute."""
    if not _NAME.fullmatch(name):
        raise EnvelopeError(
            shown(name) or "body",
            f"attribute names are 1 to {MAX_NAME} lower-case letters or digits (a-z, 0-9)",
        )
    if name == "data":
        raise EnvelopeError(name, "is reserved: no attribute may have this name")


def check_value(name: str, value: object) -> None:
    """Raise EnvelopeError unless `value` is one the attribute `name` may have."""
    rule = _RULES.get(name)
    if rule is None:
        _check_extension(name, value)
    else:
        rule(name, _text(name, value))


def check_whole(attributes: Mapping[str, Value]) -> None:
    """Raise EnvelopeError where attributes that are right alone do not make an event."""
    for name in REQUIRED:
        if name not in attributes:
            raise EnvelopeError(name, "is required and missing")
    if len(attributes) > MAX_ATTRIBUTES:
        raise EnvelopeError("body", f"has more than {MAX_ATTRIBUTES} attributes")
    size = 0
    for name, value in attributes.items():
        size += _size(name, value)
    if size > MAX_SIZE:
        largest = max(attributes, key=lambda name: _size(name, attributes[name]))
        raise EnvelopeError(largest, f"makes the attributes larger than {MAX_SIZE} bytes together")


def shown(text: str) -> str:
    """Return `text` fit for a message: printable ASCII, and short."""
    plain = ascii(text)[1:-1]
    return plain if len(plain) <= _SHOWN else plain[: _SHOWN - 3] + "..."


def _size(name: str, value: Value) -> int:
    text = value if isinstance(value, str) else canonical(value)
    return len(name) + (len(text) if text.isascii() else len(quote(text)))


def _reject(name: str, value: str, reason: str) -> NoReturn:
    raise EnvelopeError(name, f"'{shown(value)}' {reason}")


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise EnvelopeError(name, f"must be a string, not {_kind(value)}")
    if not (value.isascii() and value.isprintable()):
        found = _FORBIDDEN.search(value)
        if found:
            code = f"U+{ord(found[0]):04X}"
            raise EnvelopeError(name, f"holds {code}, which no attribute may contain")
    return value


def _kind(value: object) -> str:
    names = {"dict": "an object", "list": "an array", "float": "a fraction", "bool": "a boolean"}
    names |= {"int": "a number", "NoneType": "null", "bytes": "bytes"}
    return names.get(type(value).__name__, type(value).__name__)


def _check_extension(name: str, value: object) -> None:
    if isinstance(value, int):
        if value not in _INTEGERS:
            raise EnvelopeError(name, "is an integer beyond 32 bits")
    elif isinstance(value, str):
        _text(name, value)
    else:
        raise EnvelopeError(name, f"must be a string, a boolean or an integer, not {_kind(value)}")


def _check_filled(name: str, value: str) -> None:
    if not value:
        raise EnvelopeError(name, "must not be empty")


def _check_version(name: str, value: str) -> None:
    if value != SPECVERSION:
        _reject(name, value, f"is not a version spoken here; send {SPECVERSION}")


def _check_source(name: str, value: str) -> None:
    _check_filled(name, value)
    if not (_is_reference(value) if len(value) <= _SHORT else _REFERENCE.fullmatch(value)):
        _reject(name, value, "is not a URI-reference (RFC 3986)")


@lru_cache(maxsize=1024)
def _is_reference(value: str) -> bool:
    """Say it of a short value, as few sources send most events."""
    return _REFERENCE.fullmatch(value) is not None


def _check_schema(name: str, value: str) -> None:
    _check_filled(name, value)
    if not _URI.fullmatch(value):
        _reject(name, value, "is not an absolute URI without fragment (RFC 3986, section 4.3)")


def _check_media(name: str, value: str) -> None:
    _check_filled(name, value)
    media(value, name)


def _check_time(name: str, value: str) -> None:
    match = _TIME.fullmatch(value)
    if match is None:
        _reject(name, value, "is not an RFC 3339 time such as 2026-01-02T03:04:05Z")
    year, month, day, hour, minute, second = map(int, match.groups()[:6])
    sign, hours, minutes = match.groups()[6:]
    offset = int(f"{sign}1") * (int(hours) * 60 + int(minutes)) if sign else 0
    leap = second == 60 and (hour * 60 + minute - offset) % 1440 == 23 * 60 + 59  # noqa: PLR2004 - minutes of a day
    try:
        datetime(year, month, day, hour, minute, 59 if leap else second)  # noqa: DTZ001 - only the calendar is asked
    except ValueError as error:
        _reject(name, value, f"is no time that exists: {error}")


_RULES: Final[dict[str, Callable[[str, str], None]]] = {
    "id": _check_filled,
    "type": _check_filled,
    "subject": _check_filled,
    "specversion": _check_version,
    "source": _check_source,
    "dataschema": _check_schema,
    "datacontenttype": _check_media,
    "time": _check_time,
}
