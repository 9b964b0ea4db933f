"""As much of a body's schema as it takes to sort values into it; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from functions.openapi.description import Description

_MAX_DEPTH: Final = 16
_PARTS: Final = ("allOf", "anyOf", "oneOf")


def properties(description: Description, schema: Any, depth: int = 0) -> dict[str, Any]:
    """Return the schemas of the properties that a schema and its parts name."""
    node = description.at(schema)
    named = {name: description.at(each) for name, each in _object(node, "properties").items()}
    if depth < _MAX_DEPTH:
        for part in (each for kind in _PARTS for each in node.get(kind) or ()):
            named = properties(description, part, depth + 1) | named
    return named


def is_open(description: Description, schema: Any, depth: int = 0) -> bool:
    """Tell whether an object may have properties that the schema does not name.

    JSON Schema lets every object have more; documents that list properties mean these, so only
    what says so, or lists none, is open.
    """
    node = description.at(schema)
    if node.get("additionalProperties") or node.get("patternProperties"):
        return True
    parts = [each for kind in _PARTS for each in node.get(kind) or ()]
    if not parts or depth >= _MAX_DEPTH:
        return not _object(node, "properties")
    closed = bool(_object(node, "properties"))
    return not closed and any(is_open(description, part, depth + 1) for part in parts)


def is_binary(schema: dict[str, Any]) -> bool:
    """Tell whether a string stands for bytes."""
    return (
        schema.get("format") == "binary"
        or schema.get("type") == "file"
        or (schema.get("contentEncoding") == "base64" or "contentMediaType" in schema)
    )


def _object(node: dict[str, Any], name: str) -> dict[str, Any]:
    value = node.get(name)
    return value if isinstance(value, dict) else {}
