"""The built-in functions of CloudEvents SQL.

Source: CloudEvents SQL 1.0, section 3.5. A function is told by its name and number of arguments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from knative.filters.cesql.values import LARGEST, Fault, FaultKind, Kind, Value, boolean
from knative.filters.cesql.values import integer as as_integer
from knative.filters.cesql.values import text as as_text

if TYPE_CHECKING:
    from collections.abc import Callable

WHITESPACE: Final = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
"""Unicode's White_Space; Python's own notion has four control characters beside it."""


@dataclass(frozen=True, slots=True)
class Function:
    """A built-in: arguments are cast to `parameters`, those beyond them to `rest`.

    A parameter of None takes any type.
    """

    run: Callable[..., Value]
    result: Kind
    parameters: tuple[Kind | None, ...] = ()
    rest: Kind | None = None

    def takes(self, count: int) -> bool:
        """Whether it can be called with so many arguments."""
        fixed = len(self.parameters)
        return count == fixed or (self.rest is not None and count > fixed)

    def parameter(self, index: int) -> Kind | None:
        """Return the type of one argument, counted from 0."""
        return self.parameters[index] if index < len(self.parameters) else self.rest


def find(name: str, count: int) -> Function | None:
    """Return the function of a name in capitals that takes `count` arguments."""
    return next((f for f in BUILT_IN.get(name, ()) if f.takes(count)), None)


def _left(text: str, count: int) -> str:
    _not_negative(text, count)
    return text[:count]


def _right(text: str, count: int) -> str:
    _not_negative(text, count)
    return text[max(0, len(text) - count) :]


def _not_negative(text: str, count: int) -> None:
    if count < 0:
        raise Fault(FaultKind.FUNCTION_EVALUATION, f"{count} is a negative length", text)


def _substring(text: str, position: int, length: int = LARGEST) -> str:
    if length < 0:
        raise Fault(FaultKind.FUNCTION_EVALUATION, f"{length} is a negative length")
    if abs(position) > len(text):
        reason = f"position {position} is beyond a text of {len(text)} characters"
        raise Fault(FaultKind.FUNCTION_EVALUATION, reason)
    if not position:
        return ""
    start = position - 1 if position > 0 else len(text) + position
    return text[start : start + length]


def _absolute(number: int) -> int:
    if -number > LARGEST:
        raise Fault(FaultKind.MATH, f"ABS({number}) does not fit into 32 bits", LARGEST)
    return abs(number)


def _joined(delimiter: str, *texts: str) -> str:
    return delimiter.join(texts)


def _concatenated(*texts: str) -> str:
    return "".join(texts)


def _trimmed(text: Any) -> str:
    return str(text).strip(WHITESPACE)


BUILT_IN: Final[dict[str, tuple[Function, ...]]] = {
    "LENGTH": (Function(len, int, (str,)),),
    "CONCAT": (Function(_concatenated, str, rest=str),),
    "CONCAT_WS": (Function(_joined, str, (str,), rest=str),),
    "LOWER": (Function(str.lower, str, (str,)),),
    "UPPER": (Function(str.upper, str, (str,)),),
    "TRIM": (Function(_trimmed, str, (str,)),),
    "LEFT": (Function(_left, str, (str, int)),),
    "RIGHT": (Function(_right, str, (str, int)),),
    "SUBSTRING": (
        Function(_substring, str, (str, int)),
        Function(_substring, str, (str, int, int)),
    ),
    "ABS": (Function(_absolute, int, (int,)),),
    "INT": (Function(as_integer, int, (None,)),),
    "BOOL": (Function(boolean, bool, (None,)),),
    "STRING": (Function(as_text, str, (None,)),),
}
