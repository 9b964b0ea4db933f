"""Errors as a flow defines, raises and catches them."""

from collections.abc import Iterator

from pydantic import ConfigDict

from events.flow.syntax.node import Fault, JsonMap, Maybe, Node
from events.flow.syntax.text import Integer, UriOrExpression


class Error(Node):
    """An RFC 7807 problem to raise; type, instance, title and detail may be expressions."""

    type: UriOrExpression
    status: Integer
    instance: Maybe[str] = None
    title: Maybe[str] = None
    detail: Maybe[str] = None


class ErrorFilter(Node):
    """Static values that an error must have to be caught."""

    model_config = ConfigDict(extra="allow")
    type: Maybe[str] = None
    status: Maybe[Integer] = None
    instance: Maybe[str] = None
    title: Maybe[str] = None
    details: Maybe[str] = None

    @classmethod
    def rules(cls, value: JsonMap) -> Iterator[Fault]:
        """Refuse the empty filter."""
        if not value:
            yield (), f"expected at least one of {', '.join(cls.properties())}"


class CaughtErrors(Node):
    """Which errors a `catch` is for (`catch.errors`)."""

    model_config = ConfigDict(extra="allow")
    with_: Maybe[ErrorFilter] = None
