"""CloudEvents SQL as text: the grammar, and what it is parsed into.

Source: CloudEvents SQL 1.0, section 2, and its precedence table in section 3.6. Keywords and
function names are case-insensitive; so are attribute names, which are lower-case in every event.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final, cast

from lark import Lark, Token, Transformer, UnexpectedInput, UnexpectedToken

from knative.filters.cesql.expressions import (
    Arithmetic,
    Attribute,
    Call,
    Chain,
    Comparison,
    Exists,
    Expression,
    In,
    Like,
    Literal,
    Logic,
    Negative,
    Not,
    walk,
)
from knative.filters.cesql.values import LARGEST, SMALLEST

MAX_DEPTH: Final = 100
"""How deep expressions may lie in each other: evaluating one takes the interpreter's stack."""
MAX_DIGITS: Final = 64
"""Of an integer, leading zeros included."""

GRAMMAR: Final = r"""
start: logic
logic: comparison (LOGIC comparison)*
comparison: sum (COMPARE sum)*
sum: product (SUM product)*
product: postfix (PRODUCT postfix)*
?postfix: unary
    | postfix LIKE text         -> like
    | postfix NOT LIKE text     -> not_like
    | postfix IN set            -> in_set
    | postfix NOT IN set        -> not_in_set
?unary: primary
    | NOT unary                 -> negated
    | "-" unary                 -> negative
    | "+" INTEGER               -> integer
?primary: "(" logic ")"
    | TRUE                      -> true
    | FALSE                     -> false
    | INTEGER                   -> integer
    | text
    | EXISTS NAME               -> exists
    | NAME                      -> attribute
    | FUNCTION "(" [logic ("," logic)*] ")" -> call
set: "(" logic ("," logic)* ")"
text: TEXT

LOGIC.3: /(?ai:and|or|xor)(?![a-zA-Z0-9_])/
NOT.3: /(?ai:not)(?![a-zA-Z0-9_])/
LIKE.3: /(?ai:like)(?![a-zA-Z0-9_])/
IN.3: /(?ai:in)(?![a-zA-Z0-9_])/
EXISTS.3: /(?ai:exists)(?![a-zA-Z0-9_])/
TRUE.3: /(?ai:true)(?![a-zA-Z0-9_])/
FALSE.3: /(?ai:false)(?![a-zA-Z0-9_])/
FUNCTION.2: /[a-zA-Z][a-zA-Z_]*(?=[ \t\r\n]*\()/
INTEGER.2: /[0-9]+(?![a-zA-Z0-9_])/
NAME: /[a-zA-Z0-9]+(?![a-zA-Z0-9_])/
TEXT: /'(?:[^'\\]|\\[\s\S])*'|"(?:[^"\\]|\\[\s\S])*"/
COMPARE: /!=|<>|>=|<=|=|<|>/
SUM: "+" | "-"
PRODUCT: "*" | "/" | "%"
%ignore /[ \t\r\n]+/
"""


class ExpressionError(ValueError):
    """A text that is no expression; `line` and `column` count from 1."""

    def __init__(self, line: int, column: int, reason: str) -> None:
        super().__init__(f"line {line}, column {column}: {reason}")
        self.line = line
        self.column = column


def parse(source: str) -> Expression:
    """Return the expression that a text means; raises ExpressionError."""
    try:
        # the builder is part of the parser, so what comes back is built
        root = cast("Expression", _parser().parse(source))
    except UnexpectedInput as error:
        raise _located(source, error) from None
    _check(root)
    return root


@cache
def _parser() -> Lark:
    return Lark(GRAMMAR, parser="lalr", transformer=_Builder())


def _located(source: str, error: UnexpectedInput) -> ExpressionError:
    """Return what is wrong at the first place where no expression can go on."""
    token = error.token if isinstance(error, UnexpectedToken) else None
    if token is not None and token.type == "$END":
        before = source.rstrip().rsplit("\n", 1)
        return ExpressionError(
            source.rstrip().count("\n") + 1,
            len(before[-1]) + 1,
            f"the expression ends early; expected {_expected(error)}",
        )
    found = source[error.pos_in_stream or 0] if token is None else str(token)
    if token is None and found in "'\"":
        return ExpressionError(
            error.line, error.column, f"the text that begins with {found} has no end"
        )
    reason = f"unexpected {found!r}; expected {_expected(error)}"
    return ExpressionError(error.line, error.column, reason)


def _expected(error: UnexpectedInput) -> str:
    """Return in words what could stand there."""
    expected: set[str] = (
        getattr(error, "expected", None) or getattr(error, "allowed", None) or set()
    )
    if expected == {"TEXT"}:
        return "a text in quotes"
    if "FUNCTION" in expected:
        return "a value"
    return "an attribute's name" if expected == {"NAME"} else "an operator or the end"


def _check(root: Expression) -> None:
    for node, depth in walk(root):
        if depth > MAX_DEPTH:
            raise ExpressionError(1, 1, f"expressions lie more than {MAX_DEPTH} deep in each other")
        # here and not at its digits, as a minus before them counts
        number = node.value if isinstance(node, Literal) else 0
        if isinstance(number, int) and not SMALLEST <= number <= LARGEST:
            raise ExpressionError(1, 1, f"{number} does not fit into 32 bits")


def _chain(kind: type[Chain], items: list[Any]) -> Expression:
    first, *rest = items
    pairs = zip(rest[::2], rest[1::2], strict=True)
    named = tuple((str(operator).upper(), operand) for operator, operand in pairs)
    made: Expression = kind(first, named) if named else first
    return made


class _Builder(Transformer[Token, Expression]):
    """Makes each rule's expression of its parts, innermost first."""

    def start(self, items: list[Any]) -> Any:
        return items[0]

    def logic(self, items: list[Any]) -> Expression:
        return _chain(Logic, items)

    def comparison(self, items: list[Any]) -> Expression:
        return _chain(Comparison, items)

    def sum(self, items: list[Any]) -> Expression:
        return _chain(Arithmetic, items)

    def product(self, items: list[Any]) -> Expression:
        return _chain(Arithmetic, items)

    def like(self, items: list[Any]) -> Expression:
        return Like(items[0], items[-1].value)

    def not_like(self, items: list[Any]) -> Expression:
        return Not(self.like(items))

    def in_set(self, items: list[Any]) -> Expression:
        return In(items[0], items[-1])

    def not_in_set(self, items: list[Any]) -> Expression:
        return Not(self.in_set(items))

    def negated(self, items: list[Any]) -> Expression:
        return Not(items[-1])

    def negative(self, items: list[Any]) -> Expression:
        [operand] = items
        if isinstance(operand, Literal) and type(operand.value) is int:
            return Literal(-operand.value)  # -2147483648 is one, though 2147483648 is none
        return Negative(operand)

    def true(self, _: list[Any]) -> Expression:
        return Literal(value=True)

    def false(self, _: list[Any]) -> Expression:
        return Literal(value=False)

    def integer(self, items: list[Any]) -> Expression:
        digits = str(items[0])
        if len(digits) > MAX_DIGITS:
            raise ExpressionError(items[0].line, items[0].column, "this is no 32-bit integer")
        return Literal(int(digits))

    def text(self, items: list[Any]) -> Expression:
        quote, inner = items[0][0], items[0][1:-1]
        return Literal(inner.replace(f"\\{quote}", quote))

    def exists(self, items: list[Any]) -> Expression:
        return Exists(str(items[-1]).lower())

    def attribute(self, items: list[Any]) -> Expression:
        return Attribute(str(items[0]).lower())

    def call(self, items: list[Any]) -> Expression:
        name, *arguments = items
        return Call(str(name).upper(), tuple(a for a in arguments if a is not None))

    def set(self, items: list[Any]) -> Any:
        return tuple(items)
