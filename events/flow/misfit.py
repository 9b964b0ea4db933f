"""Why a value cannot satisfy a schema, told for a person: the nearest alternative's reasons."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import jsonschema_rs

from events.pointer import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from events.source import Path

Json = Any
Schema = Any
_UNKNOWN: Final = frozenset({"additionalProperties", "unevaluatedProperties"})


@dataclass(frozen=True, slots=True)
class Misfit:
    """One reason: where in the value, and either a property or a sentence."""

    path: Path
    message: str = ""
    missing: str = ""
    unknown: str = ""
    known: tuple[str, ...] = ()
    """The properties that the schema names where an unknown one stands."""


def misfits_of(schema: Schema, value: Json) -> Iterator[Misfit]:
    """Yield the reasons; raise ValueError for a schema that is none."""
    validator = jsonschema_rs.validator_for(json.loads(json.dumps(schema)), offline=True)
    for error in validator.iter_errors(value):
        yield from _nearest(error, schema)


def _nearest(error: Any, schema: Schema) -> Iterator[Misfit]:
    """Follow the alternative that the value comes nearest to."""
    branches = getattr(error.kind, "context", None)
    if not branches or error.kind.name not in {"anyOf", "oneOf"}:
        yield from _misfits(error, schema)
        return
    constants = [_constants(branch) for branch in branches]
    shared = set(constants[0]).intersection(*constants[1:])
    if shared:
        path = min(shared)
        wanted = ", ".join(dict.fromkeys(each[path] for each in constants))
        yield Misfit(path, f"expected one of {wanted}")
        return
    best = min(branches, key=_distance)
    if any(each.kind.name == "type" and _path(each) == _path(error) for each in best):
        yield from _misfits(error, schema)
        return
    for each in best:
        yield from _nearest(each, schema)


def _constants(branch: list[Any]) -> dict[Path, str]:
    """Return the constants that a branch asks for in vain, by their path."""
    named = [each for each in branch if each.kind.name == "const"]
    return {_path(each): json.dumps(each.kind.expected_value) for each in named}


def _distance(branch: list[Any]) -> tuple[int, int]:
    """Put the branches that a constant or a type rules out behind those it does not."""
    return sum(each.kind.name in {"const", "enum", "type"} for each in branch), len(branch)


def _misfits(error: Any, schema: Schema) -> Iterator[Misfit]:
    if error.kind.name == "required":
        yield Misfit(_path(error), missing=error.kind.property)
    elif error.kind.name in _UNKNOWN:
        known = _properties(schema, list(error.schema_path)[:-1])
        for name in error.kind.unexpected:
            yield Misfit(_path(error), unknown=name, known=known)
    else:
        yield Misfit(_path(error), error.message)


def _path(error: Any) -> Path:
    return tuple(error.instance_path)


def _properties(schema: Schema, path: list[str | int]) -> tuple[str, ...]:
    """Return the properties that the schema at `path` names; empty where it cannot be found."""
    part = schema
    for key in path:
        try:
            part = target(schema, part["$ref"]) if key == "$ref" else part[key]
        except (KeyError, IndexError, TypeError):
            return ()
    return tuple(part.get("properties", ())) if isinstance(part, dict) else ()


def target(schema: Schema, reference: str) -> Schema:
    """Return what a reference inside the document points to; True where it leads nowhere."""
    if not reference.startswith("#"):
        return True
    part: Schema = schema
    for token in reference[1:].split("/")[1:]:
        key = plain(token)
        if not isinstance(part, dict) or key not in part:
            return True
        part = part[key]
    return part
