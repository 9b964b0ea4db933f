"""Parameters of an operation, and a value of one written in its style; pure.

Source: OpenAPI 3.1.1, "Style Values" and "Style Examples"; RFC 6570.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from functions.host.web.request import text

_SEPARATORS: Final = {
    "form": ",",
    "simple": ",",
    "spaceDelimited": "%20",
    "pipeDelimited": "%7C",
    "tabDelimited": "%09",
}
_RESERVED: Final = ":/?[]@!$'()*,;"
"""What `allowReserved` leaves as it is, but for the delimiters of a query itself."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an operation."""

    name: str
    where: str
    """`path`, `query`, `header` or `cookie`."""
    required: bool = False
    style: str = "form"
    explode: bool = True
    reserved: bool = False
    """Whether reserved characters stay as they are."""
    json: bool = False
    """Whether the value is written as JSON, whatever it is."""
    secret: bool = False
    """Whether it is a credential."""


@dataclass(frozen=True, slots=True)
class Body:
    """The request body of an operation."""

    media: str
    schema: dict[str, Any] = field(default_factory=dict)
    properties: dict[str, Any] = field(default_factory=dict)
    """The schemas of its properties by name, as far as the document names them."""
    open: bool = True
    """Whether it may have properties beside them."""
    required: bool = False
    name: str = "body"
    """The parameter that is the whole body."""


def in_path(parameter: Parameter, value: Any) -> str:
    """Return the text that stands for `{name}` in a path, percent-encoded."""
    name = quote(parameter.name, safe="")
    if parameter.style == "label":
        return "." + _joined(parameter, value, "." if parameter.explode else ",")
    if parameter.style == "matrix":
        if parameter.explode and isinstance(value, dict):
            return "".join(f";{key}={one}" for key, one in _pairs(parameter, value))
        if parameter.explode and isinstance(value, list):
            return "".join(f";{name}={_quoted(parameter, one)}" for one in value)
        return f";{name}={_joined(parameter, value, ',')}"
    return _joined(parameter, value, _SEPARATORS.get(parameter.style, ","))


def in_query(parameter: Parameter, value: Any) -> list[str]:
    """Return the `name=value` pairs of a query string, percent-encoded."""
    name = quote(parameter.name, safe="[]")
    if parameter.json:
        return [f"{name}={_quoted(parameter, _json(value))}"]
    if isinstance(value, dict) and parameter.style == "deepObject":
        return [f"{name}%5B{key}%5D={one}" for key, one in _pairs(parameter, value)]
    if parameter.explode and isinstance(value, dict):
        return [f"{key}={one}" for key, one in _pairs(parameter, value)]
    if parameter.explode and isinstance(value, list):
        return [f"{name}={_quoted(parameter, one)}" for one in value]
    return [f"{name}={_joined(parameter, value, _SEPARATORS.get(parameter.style, ','))}"]


def in_header(parameter: Parameter, value: Any) -> str:
    """Return a header's value; nothing in it is encoded."""
    if parameter.json:
        return _json(value)
    if isinstance(value, dict):
        sign = "=" if parameter.explode else ","
        return ",".join(f"{key}{sign}{text(one)}" for key, one in value.items())
    return ",".join(text(one) for one in value) if isinstance(value, list) else text(value)


def in_cookie(parameter: Parameter, value: Any) -> list[str]:
    """Return the `name=value` pairs of a Cookie header."""
    return in_query(parameter, value)


def _joined(parameter: Parameter, value: Any, separator: str) -> str:
    if parameter.json:
        return _quoted(parameter, _json(value))
    if isinstance(value, dict):
        sign = "=" if parameter.explode else separator
        return separator.join(f"{key}{sign}{one}" for key, one in _pairs(parameter, value))
    if isinstance(value, list):
        return separator.join(_quoted(parameter, one) for one in value)
    return _quoted(parameter, value)


def _pairs(parameter: Parameter, value: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (quote(key, safe=""), _quoted(parameter, one))
        for key, one in value.items()
        if one is not None
    ]


def _quoted(parameter: Parameter, value: Any) -> str:
    return quote(text(value), safe=_RESERVED if parameter.reserved else "")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
