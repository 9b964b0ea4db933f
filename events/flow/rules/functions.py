"""Calls: does the function exist, and can the arguments as written satisfy its schema."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import jsonschema_rs

from events.flow.catalog import Catalog, UnknownFunction
from events.flow.expressions import is_expression
from events.flow.finding import did_you_mean
from events.flow.place import Place, value_at
from events.flow.relax import Relaxing
from events.flow.rules.support import refusal
from events.flow.rules.visit import Visit, Words, calls_of
from events.flow.syntax.call import BUILT_IN, CallTask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from events.flow.parse import Parsed

Json = Any
HTTP: Final = "http"


def misfits(parsed: Parsed, catalog: Catalog) -> Iterator[Words]:
    """Yield calls of unknown functions, and arguments that cannot satisfy a schema."""
    use = parsed.definition.get("use", {})
    for visit, task in calls_of(parsed.flow):
        other = task.call in BUILT_IN and task.call != HTTP
        # what `use` defines is refused where it is defined
        elsewhere = task.call in use.get("functions", {}) or (
            task.call.partition("@")[2] in use.get("catalogs", {})
        )
        if not other and not elsewhere:
            yield from _call(visit, task, catalog)


def _call(visit: Visit, task: CallTask, catalog: Catalog) -> Iterator[Words]:
    place = visit.place("call")
    if "://" in task.call:
        yield place, refusal(str(visit.place()), "call: <a URL>")
        return
    try:
        function = catalog.resolve(task.call)
    except UnknownFunction as error:
        yield place, f"{place}: {error}"
        return
    yield from _arguments(visit, _as_called(task), function.input_schema)


def _as_called(task: CallTask) -> dict[str, Json]:
    """Return the arguments in the shape that the function gets them in."""
    if task.call != HTTP or not isinstance(task.with_.get("endpoint"), str):
        return task.with_
    return {**task.with_, "endpoint": {"uri": task.with_["endpoint"]}}


def _arguments(visit: Visit, given: dict[str, Json], schema: dict[str, Json]) -> Iterator[Words]:
    unknown = _is_open if isinstance(visit.task, CallTask) and visit.task.call == HTTP else _is_late
    relaxed = Relaxing(schema, unknown).relaxed(schema, given)
    try:
        validator = jsonschema_rs.validator_for(json.loads(json.dumps(relaxed)), offline=True)
    except (ValueError, RecursionError) as error:
        place = visit.place("call")
        yield place, f"{place}: the function's input schema cannot be used: {error}"
        return
    for misfit in validator.iter_errors(given):
        for nearest in _nearest(misfit, given):
            yield from _words(nearest, visit.place("with"), given, schema)


def _is_late(value: Json) -> bool:
    return is_expression(value)


def _is_open(value: Json) -> bool:
    """A URI template is not known before its variables are, either."""
    return is_expression(value) or (isinstance(value, str) and "://" in value and "{" in value)


def _nearest(misfit: jsonschema_rs.ValidationError, given: Json) -> Iterator[Any]:
    """Yield the errors of the alternative that the value comes nearest to."""
    branches = getattr(misfit.kind, "context", None)
    if not branches or misfit.kind.name not in {"anyOf", "oneOf"}:
        yield misfit
        return
    best = min(branches, key=_distance)
    if min(map(len, branches)) and any(_is_type(error, misfit) for error in best):
        yield misfit
        return
    for error in best:
        yield from _nearest(error, given)


def _distance(branch: list[jsonschema_rs.ValidationError]) -> tuple[int, int]:
    """Put the alternatives that a constant rules out behind those that it does not."""
    return sum(error.kind.name in {"const", "enum", "type"} for error in branch), len(branch)


def _is_type(error: Any, around: Any) -> bool:
    return error.kind.name == "type" and list(error.instance_path) == list(around.instance_path)


def _words(misfit: Any, place: Place, given: Json, schema: Json) -> Iterator[Words]:
    inside = (*place.path, *misfit.instance_path)
    here = Place(inside, place.task)
    kind = misfit.kind
    if kind.name == "required":
        yield here, f"the property '{kind.property}' is missing {_in(here)}"
    elif kind.name in {"additionalProperties", "unevaluatedProperties"}:
        known = _known(misfit, given, schema)
        for name in kind.unexpected:
            expected = f"; expected one of {', '.join(known)}" if known else ""
            hint = did_you_mean(name, known)
            where = Place((*inside, name), place.task)
            yield where, f"unknown property '{name}' {_in(here)}{expected}{hint}"
    else:
        yield here, f"{here}: {misfit.message}"


def _known(misfit: Any, given: Json, schema: Json) -> list[str]:
    """Return the properties that the schema names where an unknown one was found."""
    around = value_at(given, tuple(misfit.instance_path))
    if not misfit.instance_path and around is not None:
        return list(schema.get("properties", {}))
    return []


def _in(place: Place) -> str:
    return f"in {place}"
