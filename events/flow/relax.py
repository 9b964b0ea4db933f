"""A JSON Schema relaxed where a value is not known yet: an expression stands there.

What remains is what the known parts already break: a missing or unknown property, a literal of
the wrong type. `$ref` inside the document is followed along the value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from events.flow.misfit import target

Json = Any
Schema = Any

ANYTHING: Final = True
_MAX_DEPTH: Final = 64
_EXACT: Final = (
    "const",
    "contains",
    "dependentSchemas",
    "else",
    "enum",
    "if",
    "maxContains",
    "minContains",
    "not",
    "then",
    "uniqueItems",
)
"""Keywords whose verdict on an object or a list turns with every value inside."""


@dataclass(frozen=True, slots=True)
class Relaxing:
    """The root document, for its references, and what tells an unknown value."""

    root: Schema
    unknown: Callable[[Json], bool]

    def relaxed(self, schema: Schema, value: Json, depth: int = 0) -> Schema:
        """Return the schema that any filling of the unknown parts may still satisfy."""
        if self.unknown(value) or depth > _MAX_DEPTH:
            return ANYTHING
        if not isinstance(schema, Mapping) or not self.partly(value):
            return schema
        relaxed = {name: part for name, part in schema.items() if name not in _EXACT}
        if "$ref" in relaxed:
            referred = target(self.root, relaxed.pop("$ref"))
            inner = self.relaxed(referred, value, depth + 1)
            relaxed["allOf"] = [*relaxed.get("allOf", ()), inner]
        self._combine(relaxed, value, depth)
        if isinstance(value, dict):
            self._properties(relaxed, value, depth)
        elif isinstance(value, list):
            self._items(relaxed, value, depth)
        return relaxed

    def partly(self, value: Json) -> bool:
        """Tell whether something inside the value is unknown."""
        if self.unknown(value):
            return True
        parts = value.values() if isinstance(value, dict) else value
        return isinstance(value, dict | list) and any(self.partly(part) for part in parts)

    def _combine(self, relaxed: dict[str, Schema], value: Json, depth: int) -> None:
        for name in ("allOf", "anyOf", "oneOf"):
            branches = relaxed.get(name)
            if isinstance(branches, list):
                relaxed[name] = [self.relaxed(each, value, depth + 1) for each in branches]
        if "oneOf" in relaxed:
            # several branches may fit now that did not before
            one_of = {"anyOf": relaxed.pop("oneOf")}
            relaxed["allOf"] = [*relaxed.get("allOf", ()), one_of]

    def _properties(self, relaxed: dict[str, Schema], value: dict[str, Json], depth: int) -> None:
        properties = dict(relaxed.get("properties") or {})
        rest = relaxed.get("additionalProperties", ANYTHING)
        for name, inner in value.items():
            if name in properties:
                properties[name] = self.relaxed(properties[name], inner, depth + 1)
            elif rest is not False and self.partly(inner):
                properties[name] = self.relaxed(rest, inner, depth + 1)
        relaxed["properties"] = properties
        if relaxed.get("unevaluatedProperties") is not False:
            relaxed.pop("unevaluatedProperties", None)
        if isinstance(relaxed.get("patternProperties"), dict):
            relaxed["patternProperties"] = dict.fromkeys(relaxed["patternProperties"], ANYTHING)

    def _items(self, relaxed: dict[str, Schema], value: list[Json], depth: int) -> None:
        first = relaxed.get("prefixItems") or []
        rest = relaxed.get("items", ANYTHING)
        if isinstance(rest, list):  # an older draft's tuple: leave it to the run
            relaxed.pop("items")
            return
        schemas = [*first, *[rest] * (len(value) - len(first))]
        relaxed["prefixItems"] = [
            self.relaxed(schema, inner, depth + 1)
            for schema, inner in zip(schemas, value, strict=False)
        ]
