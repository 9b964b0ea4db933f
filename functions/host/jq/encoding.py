"""JSON as the jq worker takes and gives it."""

from __future__ import annotations

import json
from typing import Any

import orjson

from events.flow.expressions import ExpressionError, shown

Json = Any


def encode(value: Json) -> bytes:
    """Return JSON text; integers keep all their digits, lone surrogates become U+FFFD."""
    try:
        return orjson.dumps(value)
    except TypeError:  # too large an integer, a lone surrogate, too deep: json takes the first two
        return _encode_slowly(value)


def _encode_slowly(value: Json) -> bytes:
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ExpressionError(f"the data of an expression cannot be JSON: {error}") from error
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def decode(body: bytes, program: str) -> Json:
    """Return the value of JSON text; raise ExpressionError when it is none or is too deep."""
    try:
        return orjson.loads(body)
    except ValueError as error:
        reason = f"`{shown(program)}`: the result is not JSON: {error}"
        raise ExpressionError(reason) from error
