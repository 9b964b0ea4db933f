"""What a document says about one operation, whatever its version: where, and what it takes; pure.

Source: OpenAPI 3.0.4 and 3.1.1, "Operation Object", "Parameter Object", "Request Body Object",
"Server Object"; OpenAPI 2.0, "Parameter Object", "Swagger Object".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from functions.openapi import modern, swagger
from functions.openapi.description import find

if TYPE_CHECKING:
    from functions.openapi.description import Description, Operation
    from functions.openapi.parameters import Body, Parameter

_JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Plan:
    """An operation ready to be given its parameters."""

    operation: Operation
    server: str
    """An absolute URL without a slash at its end."""
    parameters: tuple[Parameter, ...]
    body: Body | None
    accept: str
    """The Accept header, empty where the document names no JSON."""


def plan(description: Description, operation_id: str) -> Plan:
    """Return the plan of an operation; ToolError (configuration) where the document has none."""
    operation = find(description, operation_id)
    dialect = swagger if description.swagger else modern
    medias = dialect.answers(description, operation)
    return Plan(
        operation,
        dialect.server(description, operation).rstrip("/"),
        (*dialect.parameters(description, operation), *dialect.keys(description)),
        dialect.body(description, operation),
        f"{_JSON}, */*;q=0.5" if any(_is_json(media) for media in medias) else "",
    )


def _is_json(media: Any) -> bool:
    return isinstance(media, str) and (media.startswith(_JSON) or media.endswith("+json"))
