"""Calls: does the function exist, and can the arguments as written satisfy its schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from events.flow.catalog import Catalog, UnknownFunction
from events.flow.expressions import is_expression
from events.flow.finding import did_you_mean
from events.flow.misfit import Misfit, misfits_of
from events.flow.place import Place
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
        misfitting = list(misfits_of(relaxed, given))
    except (ValueError, RecursionError) as error:
        place = visit.place("call")
        yield place, f"{place}: the function's input schema cannot be used: {error}"
        return
    for misfit in misfitting:
        yield _words(misfit, visit.place("with", *misfit.path))


def _is_late(value: Json) -> bool:
    return is_expression(value)


def _is_open(value: Json) -> bool:
    """A URI template is not known before its variables are, either."""
    return is_expression(value) or (isinstance(value, str) and "://" in value and "{" in value)


def _words(misfit: Misfit, place: Place) -> Words:
    if misfit.missing:
        return place, f"the property '{misfit.missing}' is missing in {place}"
    if not misfit.unknown:
        return place, f"{place}: {misfit.message}"
    expected = f"; expected one of {', '.join(misfit.known)}" if misfit.known else ""
    hint = did_you_mean(misfit.unknown, misfit.known)
    where = Place((*place.path, misfit.unknown), place.task)
    return where, f"unknown property '{misfit.unknown}' in {place}{expected}{hint}"
