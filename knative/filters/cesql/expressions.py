"""A CloudEvents SQL expression as a tree of values, each of which can evaluate itself.

Evaluation fails fast (section 4.1): the first error ends it, and the whole expression's type
gives the value. Source: CloudEvents SQL 1.0, sections 3.2 to 3.7.
"""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Final

from knative.filters.cesql.functions import find
from knative.filters.cesql.patterns import compiled
from knative.filters.cesql.values import (
    Fault,
    FaultKind,
    Kind,
    Value,
    boolean,
    bounded,
    cast,
    integer,
    text,
)

if TYPE_CHECKING:
    import re

Attributes = Mapping[str, Value]

REQUIRED: Final = frozenset({"specversion", "id", "source", "type"})
"""The attributes every event has."""


class Expression(ABC):
    """One node; `kind` is the type of its value, `bool` where nothing says it beforehand."""

    __slots__ = ()
    kind: ClassVar[Kind] = bool

    @abstractmethod
    def evaluate(self, attributes: Attributes) -> Value:
        """Return the value for an event with these attributes; raises Fault."""

    def result_kind(self) -> Kind:
        """Return the type whose zero value stands for an error in a part of this."""
        return self.kind

    def parts(self) -> Sequence[Expression]:
        """Return the expressions inside."""
        return ()


@dataclass(frozen=True, slots=True)
class Literal(Expression):
    """A constant."""

    value: Value

    def evaluate(self, attributes: Attributes) -> Value:
        """Return the constant."""
        del attributes
        return self.value


@dataclass(frozen=True, slots=True)
class Attribute(Expression):
    """The value of a context attribute or an extension."""

    name: str

    def evaluate(self, attributes: Attributes) -> Value:
        """Return its value, of whatever type it is."""
        value = attributes.get(self.name)
        if value is None:
            raise Fault(FaultKind.MISSING_ATTRIBUTE, f"the event has no attribute {self.name!r}")
        return value


@dataclass(frozen=True, slots=True)
class Exists(Expression):
    """`EXISTS name`."""

    name: str

    def evaluate(self, attributes: Attributes) -> bool:
        """Say whether the event has the attribute."""
        return self.name in REQUIRED or self.name in attributes


@dataclass(frozen=True, slots=True)
class Not(Expression):
    """`NOT x`; also the negated forms of LIKE and IN."""

    operand: Expression

    def evaluate(self, attributes: Attributes) -> bool:
        """Return the opposite."""
        value = self.operand.evaluate(attributes)
        if type(value) is int:
            # against the table of casts, but what the specification's own test kit wants
            raise Fault(FaultKind.CAST, f"NOT {value} negates an integer", value=True, origin=self)
        return not boolean(value)

    def parts(self) -> Sequence[Expression]:
        """Return the operand."""
        return (self.operand,)


@dataclass(frozen=True, slots=True)
class Negative(Expression):
    """`-x`."""

    kind: ClassVar[Kind] = int
    operand: Expression

    def evaluate(self, attributes: Attributes) -> int:
        """Return the integer with the other sign."""
        return bounded(-integer(self.operand.evaluate(attributes)))

    def parts(self) -> Sequence[Expression]:
        """Return the operand."""
        return (self.operand,)


@dataclass(frozen=True, slots=True)
class Chain(Expression):
    """Operands joined by operators of one precedence, from left to right.

    A chain of thousands is as flat as one of two, so its length costs no recursion.
    """

    first: Expression
    rest: tuple[tuple[str, Expression], ...]

    def parts(self) -> Sequence[Expression]:
        """Return all operands."""
        return (self.first, *(operand for _, operand in self.rest))


@dataclass(frozen=True, slots=True)
class Logic(Chain):
    """`AND`, `OR` and `XOR`: a right operand that cannot matter is not evaluated."""

    def evaluate(self, attributes: Attributes) -> bool:
        """Return the boolean."""
        value = boolean(self.first.evaluate(attributes))
        for operation, operand in self.rest:
            if operation == "XOR":
                value ^= boolean(operand.evaluate(attributes))
            elif value == (operation == "AND"):
                value = boolean(operand.evaluate(attributes))
        return value


ORDER: Final[Mapping[str, Callable[[int, int], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class Comparison(Chain):
    """Equality in the type of the right operand, and the order of integers."""

    def evaluate(self, attributes: Attributes) -> Value:
        """Return the last comparison's outcome."""
        value = self.first.evaluate(attributes)
        for operation, operand in self.rest:
            value = _compared(value, operation, operand.evaluate(attributes))
        return value


@dataclass(frozen=True, slots=True)
class Arithmetic(Chain):
    """`+` and `-`, or `*`, `/` and `%`, on 32-bit integers."""

    kind: ClassVar[Kind] = int

    def evaluate(self, attributes: Attributes) -> int:
        """Return the integer."""
        value = self.first.evaluate(attributes)
        for operation, operand in self.rest:
            right = operand.evaluate(attributes)
            value = bounded(_calculated(integer(value), operation, integer(right)))
        return integer(value)


@dataclass(frozen=True, slots=True)
class Like(Expression):
    """`x LIKE 'pattern'`."""

    operand: Expression
    pattern: str
    _compiled: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_compiled", compiled(self.pattern))

    def evaluate(self, attributes: Attributes) -> bool:
        """Say whether the whole text fits the pattern."""
        return self._compiled.fullmatch(text(self.operand.evaluate(attributes))) is not None

    def parts(self) -> Sequence[Expression]:
        """Return the operand."""
        return (self.operand,)


@dataclass(frozen=True, slots=True)
class In(Expression):
    """`x IN (y, z)`, in the type of `x`."""

    operand: Expression
    elements: tuple[Expression, ...]

    def evaluate(self, attributes: Attributes) -> bool:
        """Say whether an element equals the operand; those behind it are not looked at."""
        value = self.operand.evaluate(attributes)
        return any(
            cast(element.evaluate(attributes), type(value)) == value for element in self.elements
        )

    def parts(self) -> Sequence[Expression]:
        """Return the operand and the elements."""
        return (self.operand, *self.elements)


@dataclass(frozen=True, slots=True)
class Call(Expression):
    """`NAME(x, y)`; the name in capitals."""

    name: str
    arguments: tuple[Expression, ...]

    def evaluate(self, attributes: Attributes) -> Value:
        """Return what the function says."""
        function = find(self.name, len(self.arguments))
        if function is None:
            reason = f"there is no function {self.name} of {len(self.arguments)} arguments"
            raise Fault(FaultKind.MISSING_FUNCTION, reason)
        values = []
        for index, argument in enumerate(self.arguments):
            value = argument.evaluate(attributes)
            kind = function.parameter(index)
            values.append(value if kind is None else cast(value, kind))
        try:
            return function.run(*values)
        except Fault as fault:
            fault.origin = self
            raise

    def result_kind(self) -> Kind:
        """Return the function's type."""
        function = find(self.name, len(self.arguments))
        return bool if function is None else function.result

    def parts(self) -> Sequence[Expression]:
        """Return the arguments."""
        return self.arguments


def outcome(expression: Expression, attributes: Attributes) -> tuple[Value, Fault | None]:
    """Return an expression's value, and the error that it stands for if there was one."""
    try:
        return expression.evaluate(attributes), None
    except Fault as fault:
        own = fault.value if fault.origin is expression else None
        return expression.result_kind()() if own is None else own, fault


def walk(root: Expression) -> Iterator[tuple[Expression, int]]:
    """Return every node and how deep it lies, the root at 1."""
    waiting = [(root, 1)]
    while waiting:
        node, depth = waiting.pop()
        yield node, depth
        waiting += [(part, depth + 1) for part in node.parts()]


def _compared(left: Value, operation: str, right: Value) -> bool:
    if operation in ORDER:
        return ORDER[operation](integer(left), integer(right))
    return (cast(left, type(right)) == right) is (operation == "=")


def _calculated(left: int, operation: str, right: int) -> int:
    match operation:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
    if not right:
        raise Fault(FaultKind.MATH, f"{left} {operation} 0")
    quotient = abs(left) // abs(right)  # Python rounds down, CESQL towards 0
    quotient = quotient if (left < 0) == (right < 0) else -quotient
    return quotient if operation == "/" else left - quotient * right
