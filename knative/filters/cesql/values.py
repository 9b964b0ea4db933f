"""The three types of CloudEvents SQL, the casts between them, and what can go wrong.

Source: CloudEvents SQL 1.0, sections 3.1, 3.3 and 3.7.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

Value = str | int | bool
Kind = type[str] | type[int] | type[bool]
"""A type; `int` means a 32-bit integer and never a boolean."""

SMALLEST: Final = -(2**31)
LARGEST: Final = 2**31 - 1

_INTEGER: Final = re.compile(r"[+-]?[0-9]+")
_LONGEST: Final = 64
"""Digits of a text that are still read as a number: leading zeros need not end."""


class FaultKind(StrEnum):
    """The error types every engine has, but the one of parsing."""

    MATH = "math"
    CAST = "cast"
    MISSING_ATTRIBUTE = "missingAttribute"
    MISSING_FUNCTION = "missingFunction"
    FUNCTION_EVALUATION = "functionEvaluation"


class Fault(Exception):  # noqa: N818 - an outcome of evaluation
    """An expression came to nothing.

    `value` is what the operator or function gives all the same, None for its type's zero value;
    `origin` is the expression that gives it.
    """

    def __init__(
        self, kind: FaultKind, reason: str, value: Value | None = None, origin: object = None
    ) -> None:
        super().__init__(f"{kind}: {reason}")
        self.kind = kind
        self.value = value
        self.origin = origin


def cast(value: Value, kind: Kind) -> Value:
    """Return a value as another type; raises a cast Fault."""
    if type(value) is kind:
        return value
    if kind is str:
        return text(value)
    return integer(value) if kind is int else boolean(value)


def text(value: Value) -> str:
    """Return a value as a String, which always works."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def integer(value: Value) -> int:
    """Return a value as an Integer; raises a cast Fault."""
    if not isinstance(value, str):
        return int(value)
    if _INTEGER.fullmatch(value) and len(value) <= _LONGEST:
        number = int(value)
        if SMALLEST <= number <= LARGEST:
            return number
    raise Fault(FaultKind.CAST, f"{_shown(value)} is no 32-bit integer")


def boolean(value: Value) -> bool:
    """Return a value as a Boolean; raises a cast Fault."""
    if not isinstance(value, str):
        return bool(value)
    lower = value.lower()
    if lower not in {"true", "false"}:
        raise Fault(FaultKind.CAST, f"{_shown(value)} is neither 'true' nor 'false'")
    return lower == "true"


def bounded(number: int) -> int:
    """Return the result of arithmetic; raises a math Fault where 32 bits do not hold it."""
    if not SMALLEST <= number <= LARGEST:
        raise Fault(FaultKind.MATH, f"{number} does not fit into 32 bits")
    return number


def _shown(value: str) -> str:
    return repr(value if len(value) <= _LONGEST else f"{value[:_LONGEST]}...")
