"""Calls: does the function exist, and can the arguments as written satisfy its schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from events.flow.catalog import Catalog, Function, UnknownFunction
from events.flow.expressions import is_expression
from events.flow.finding import did_you_mean
from events.flow.misfit import Misfit, misfits_of
from events.flow.place import Place
from events.flow.relax import Relaxing
from events.flow.rules.support import refusal
from events.flow.rules.visit import Visit, Words, calls_of
from events.flow.syntax.call import BUILT_IN, ENDPOINTS, CallTask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from events.flow.parse import Parsed

Json = Any
_OPAQUE: Final = frozenset({"arguments", "body", "message", "parameters"})
"""Arguments of the DSL's own calls that are the callee's business."""


def misfits(parsed: Parsed, catalog: Catalog) -> Iterator[Words]:
    """Yield calls of unknown functions, and arguments that cannot satisfy a schema."""
    use = parsed.definition.get("use", {})
    for visit, task in calls_of(parsed.flow):
        # what `use` defines is refused where it is defined
        elsewhere = task.call in use.get("functions", {}) or (
            task.call.partition("@")[2] in use.get("catalogs", {})
        )
        if task.call in BUILT_IN:
            yield from _built_in(visit, task, catalog)
        elif not elsewhere:
            yield from _call(visit, task, catalog)


def _built_in(visit: Visit, task: CallTask, catalog: Catalog) -> Iterator[Words]:
    """Refuse one of the DSL's own calls that no function of the catalog executes."""
    if any(function.name == task.call for function in catalog.functions):
        yield from _call(visit, task, catalog)
    else:
        yield visit.place(), refusal(str(visit.place()), f"call: {task.call}")


def _authentications(value: Json, *path: str) -> Iterator[tuple[str, ...]]:
    inside = value.items() if isinstance(value, dict) else ()
    for name, inner in inside:
        if name == "authentication":
            yield ("with", *path, name)
        elif name not in _OPAQUE:
            yield from _authentications(inner, *path, name)


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
    if function.name in ENDPOINTS:
        for path in _authentications(task.with_):
            yield visit.place(*path), refusal(str(visit.place()), ".".join(path))
        given = _as_called(task.with_, ENDPOINTS[function.name])
    else:
        given = task.with_
    yield from _arguments(visit, given, function)


def _as_called(given: Json, endpoints: tuple[tuple[str, ...], ...]) -> Json:
    """Return the arguments in the shape that the function gets them in."""
    if () in endpoints and isinstance(given, str):
        return {"uri": given}
    if not isinstance(given, dict):
        return given
    return {
        name: value if name in _OPAQUE else _as_called(value, _under(endpoints, name))
        for name, value in given.items()
        if name != "authentication"  # refused already
    }


def _under(places: tuple[tuple[str, ...], ...], name: str) -> tuple[tuple[str, ...], ...]:
    return tuple(place[1:] for place in places if place[:1] == (name,))


def _arguments(visit: Visit, given: dict[str, Json], function: Function) -> Iterator[Words]:
    unknown = _is_open if function.name in ENDPOINTS else _is_late
    relaxed = Relaxing(function.input_schema, unknown).relaxed(function.input_schema, given)
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
