"""How data goes in, out and into the context: transformations and their schemas."""

from typing import Any, ClassVar, Literal

from events.flow.syntax.node import JsonMap, Maybe, Node, TextOr
from events.flow.syntax.resource import ExternalResource


class Schema(Node):
    """A schema, given in place or lying at an endpoint."""

    one_of: ClassVar[tuple[str, ...]] = ("document", "resource")
    format: Maybe[str] = None
    document: Any = None
    resource: Maybe[ExternalResource] = None


class Input(Node):
    """The raw input's schema, then its transformation."""

    schema_: Maybe[Schema] = None
    from_: Maybe[TextOr[JsonMap]] = None


class Output(Node):
    """The raw output's transformation, then the result's schema."""

    schema_: Maybe[Schema] = None
    as_: Maybe[TextOr[JsonMap]] = None


class Export(Node):
    """The new context, computed from the transformed output, and its schema."""

    schema_: Maybe[Schema] = None
    as_: Maybe[TextOr[JsonMap]] = None


class Evaluate(Node):
    """The language of the runtime expressions and how they are told from plain text."""

    language: Maybe[str] = None
    mode: Maybe[Literal["strict", "loose"]] = None
