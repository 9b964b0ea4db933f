"""Calls: does the function exist, and can the arguments as written satisfy its schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from events.flow import authentications
from events.flow.catalog import Catalog, UnknownFunction
from events.flow.expressions import is_expression
from events.flow.finding import did_you_mean
from events.flow.imports import is_elsewhere
from events.flow.late import MEMBER
from events.flow.misfit import Misfit, misfits_of
from events.flow.place import Place
from events.flow.relax import Relaxing
from events.flow.rules.support import refusal
from events.flow.rules.visit import Visit, Words, calls_of, functions_of
from events.flow.syntax.call import BUILT_IN, ENDPOINTS, CallTask

if TYPE_CHECKING:
    from events.flow.parse import Parsed
    from events.flow.syntax.base import TaskBase
    from events.flow.syntax.flow import Flow

Json = Any
Unknown = Callable[[Json], bool]
_OPAQUE: Final = frozenset({"arguments", "body", "message", "parameters"})
"""Arguments of the DSL's own calls that are the callee's business."""


def misfits(parsed: Parsed, catalog: Catalog) -> Iterator[Words]:
    """Yield calls of unknown functions, and arguments that cannot satisfy a schema."""
    for visit in functions_of(parsed.flow):
        if visit.name in BUILT_IN:
            reason = "has the name of a protocol; choose another"
            yield visit.place(), f"the function '{visit.name}' {reason}"
    calls = _Calls(parsed.flow, catalog)
    for visit, task in calls_of(parsed.flow):
        yield from calls.wrong(visit, task)


@dataclass(frozen=True, slots=True)
class _Calls:
    """What the calls of one flow may mean."""

    flow: Flow
    catalog: Catalog

    def wrong(self, visit: Visit, task: CallTask) -> Iterator[Words]:
        """Yield what is wrong with one call."""
        if MEMBER in task.with_:
            place = visit.place("with", MEMBER)
            yield place, f"{place}: '{MEMBER}' is the platform's own; choose another name"
            return
        own = self.flow.function(task.call)
        if own is not None:
            yield from self._own(visit, task, own)
        elif task.call in BUILT_IN and not self._executed(task.call):
            yield visit.place(), refusal(str(visit.place()), f"call: {task.call}")
        elif not is_elsewhere(self.flow, task.call):
            yield from self._cataloged(visit, task)

    def _executed(self, protocol: str) -> bool:
        return any(function.name == protocol for function in self.catalog.functions)

    def _own(self, visit: Visit, task: CallTask, own: TaskBase) -> Iterator[Words]:
        if own.input is None or own.input.schema_ is None:
            return
        try:
            schema = self.flow.document_of(own.input.schema_)
        except LookupError:
            return  # it is fetched when the flow is deployed
        yield from unfitting(visit, task.with_, schema, unknown_in(self.flow))

    def _cataloged(self, visit: Visit, task: CallTask) -> Iterator[Words]:
        place = visit.place("call")
        try:
            function = self.catalog.resolve(task.call)
        except UnknownFunction as error:
            yield place, f"{place}: {error}"
            return
        if function.name not in ENDPOINTS:
            unknown = unknown_in(self.flow)
            yield from unfitting(visit, task.with_, function.input_schema, unknown)
            return
        arguments = authentications.given(function.name, task.arguments, self.flow.policies)
        given = _as_called(arguments, ENDPOINTS[function.name])
        unknown = unknown_in(self.flow, endpoints=True)
        yield from unfitting(visit, given, function.input_schema, unknown)


def unfitting(
    visit: Visit, given: Json, schema: Json, unknown: Unknown, where: tuple[str, ...] = ("with",)
) -> Iterator[Words]:
    """Yield what of the arguments, which stand at `where` in the task, cannot fit the schema.

    `unknown` tells what is not known before a run.
    """
    try:
        relaxed = Relaxing(schema, unknown).relaxed(schema, given)
        misfitting = list(misfits_of(relaxed, given))
    except (ValueError, RecursionError) as error:
        place = visit.place("call" if where == ("with",) else where[0])
        yield place, f"{place}: the function's input schema cannot be used: {error}"
        return
    for misfit in misfitting:
        yield _words(misfit, visit.place(*where, *misfit.path))


def unknown_in(flow: Flow, *, endpoints: bool = False) -> Unknown:
    """Return what tells a value that is not known before a run, where URIs may be templates."""
    if flow.loose:
        return _is_text
    return _is_open if endpoints else _is_late


def _as_called(given: Json, endpoints: tuple[tuple[str, ...], ...]) -> Json:
    """Return the arguments in the shape that the function gets them in."""
    if () in endpoints and isinstance(given, str):
        return {"uri": given}
    if not isinstance(given, dict):
        return given
    return {
        name: value if name in _OPAQUE else _as_called(value, _under(endpoints, name))
        for name, value in given.items()
    }


def _under(places: tuple[tuple[str, ...], ...], name: str) -> tuple[tuple[str, ...], ...]:
    return tuple(place[1:] for place in places if place[:1] == (name,))


def _is_late(value: Json) -> bool:
    return is_expression(value)


def _is_open(value: Json) -> bool:
    """A URI template is not known before its variables are, either."""
    return is_expression(value) or (isinstance(value, str) and "://" in value and "{" in value)


def _is_text(value: Json) -> bool:
    """Where expressions need no `${ }`, any text may be one."""
    return isinstance(value, str)


def _words(misfit: Misfit, place: Place) -> Words:
    if misfit.missing:
        return place, f"the property '{misfit.missing}' is missing in {place}"
    if not misfit.unknown:
        return place, f"{place}: {misfit.message}"
    expected = f"; expected one of {', '.join(misfit.known)}" if misfit.known else ""
    hint = did_you_mean(misfit.unknown, misfit.known)
    where = Place((*place.path, misfit.unknown), place.task)
    return where, f"unknown property '{misfit.unknown}' in {place}{expected}{hint}"
