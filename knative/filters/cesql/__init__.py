"""`cesql`: an expression of CloudEvents SQL 1.0 is true.

An event passes where the expression gives the boolean true without any error: a missing
attribute, a text that is no number, a division by zero all fail it. Attributes are texts here,
whatever type an event's JSON gave them, so that an event passes alike in every content mode.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from knative.filters.cesql.expressions import (
    Attribute,
    Call,
    Comparison,
    Expression,
    Literal,
    Logic,
    walk,
)
from knative.filters.cesql.functions import BUILT_IN, find
from knative.filters.cesql.values import Fault
from knative.filters.filter import Attributes, Compile, Filter, FilterError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_EQUAL: Final = "="


class Cesql(Filter):
    """An expression, parsed."""

    __slots__ = ("_expression", "_text")

    def __init__(self, expression: Expression, text: str) -> None:
        self._expression, self._text = expression, text

    def matches(self, attributes: Attributes) -> bool:
        """Say whether the expression is true; an error is not."""
        try:
            return self._expression.evaluate(attributes) is True
        except Fault:
            return False

    def failure(self, attributes: Attributes) -> str:
        """Return the expression that is not true, or its error."""
        try:
            value = self._expression.evaluate(attributes)
        except Fault as error:
            return f"{self}: {error}"
        return "" if value is True else f"{self} is {str(value).lower()}"

    def __str__(self) -> str:
        """Return the expression."""
        return f"`{self._text}`"

    def required(self) -> Mapping[str, str]:
        """Return the texts that attributes must equal, as in `type = 'x' AND ...`."""
        return dict(_required(self._expression))


def parse(spec: Any, path: str, compile: Compile) -> Filter:  # noqa: A002, ARG001 - the dialects' shape
    """Compile `cesql: "type LIKE 'com.example.%' AND EXISTS subject"`."""
    # the parser is loaded by those who use it: it takes 12 MB
    from knative.filters.cesql import syntax

    if not isinstance(spec, str) or not spec.strip():
        raise FilterError(path, "expected an expression of CloudEvents SQL, as a text")
    try:
        expression = syntax.parse(spec)
    except syntax.ExpressionError as error:
        raise FilterError(path, str(error)) from None
    for node, _ in walk(expression):
        _check(node, path)
    return Cesql(expression, spec.strip())


def _check(node: Expression, path: str) -> None:
    """Refuse what would never pass, or not pass alike on every broker."""
    if isinstance(node, Call) and find(node.name, len(node.arguments)) is None:
        count = len(node.arguments)
        known = ", ".join(BUILT_IN)
        reason = f"there is no function {node.name} of {count} arguments; there are {known}"
        if node.name in BUILT_IN:
            reason = f"{node.name} does not take {count} argument{'' if count == 1 else 's'}"
        raise FilterError(path, reason)
    if isinstance(node, Logic) and len({operation for operation, _ in node.rest}) > 1:
        # the three have one precedence; Knative's own parser groups them from the right
        reason = "AND, OR and XOR side by side are read from the left by the specification and "
        raise FilterError(path, f"{reason}from the right by Knative; add parentheses")


def _required(expression: Expression) -> Iterator[tuple[str, str]]:
    if isinstance(expression, Logic) and all(op == "AND" for op, _ in expression.rest):
        for part in expression.parts():
            yield from _required(part)
    if isinstance(expression, Comparison) and len(expression.rest) == 1:
        [(operation, right)] = expression.rest
        sides = (expression.first, right)
        name = next((side.name for side in sides if isinstance(side, Attribute)), None)
        value = next((side.value for side in sides if isinstance(side, Literal)), None)
        if operation == _EQUAL and name is not None and isinstance(value, str):
            yield name, value
