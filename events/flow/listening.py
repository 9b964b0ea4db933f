"""How an arriving event finds the listens that may want it, however many runs are parked.

A filter's *shape* is what of it holds for every run: its constants, the expressions that take
nothing from a run, and where the values of the `expect`ed correlation keys come from. Shapes are
known when a flow is deployed. An event is held against the shapes of its type, and each one that
it fits gives the *correlation* of the values it has for these keys; a run that listens is found by
the two. What else a filter says (`$context`, keys without `expect`) the listen itself looks at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from events.flow.correlate import exact_type, filter_of, filters_in, matches, values_of
from events.flow.expressions import is_expression, program
from events.flow.rules.visit import tasks_of
from events.flow.scope import free_variables
from events.flow.syntax.event import EventConsumption
from events.flow.syntax.listen import ListenTask
from events.vocabulary import digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from events.flow.steps import Evaluate
    from events.flow.syntax import Flow

Json = Any


@dataclass(frozen=True, slots=True)
class Shape:
    """What of a filter holds for every run."""

    digest: str
    type: str | None
    """The exact event type it waits for, the index's key; None when it is not a constant."""
    filter: dict[str, Json]
    """A filter that says only that."""


def shape_of(definition: Mapping[str, Json]) -> Shape:
    """Return the shape of a filter, given as the flow has it."""
    given = {name: value for name, value in definition["with"].items() if not _of_run(value)}
    keys = definition.get("correlate") or {}
    taken = {key: {"from": each["from"]} for key, each in keys.items() if "expect" in each}
    wanted = {"with": given, **({"correlate": taken} if taken else {})}
    return Shape(digest(wanted), exact_type(filter_of(wanted)), wanted)


def shapes_of(flow: Flow) -> tuple[Shape, ...]:
    """Return the shapes of everything that a flow's tasks listen to."""
    found = {each.digest: each for each in _shapes(flow)}
    return tuple(found.values())


def correlation(values: Mapping[str, Json]) -> str:
    """Return what stands for the values of the expected keys; empty where there are none."""
    return digest(values) if values else ""


def correlation_of(wanted: Shape, event: Mapping[str, Json], evaluate: Evaluate) -> str | None:
    """Return the correlation of an event that fits a shape; None for one that does not."""
    filter_ = filter_of(wanted.filter)
    if not matches(filter_, event, evaluate):
        return None
    values = values_of(filter_, event, evaluate)
    return None if values is None else correlation(values)


def _shapes(flow: Flow) -> Iterator[Shape]:
    for visit in tasks_of(flow):
        if isinstance(visit.task, ListenTask) and visit.task.form is None:
            to = visit.task.listen.to
            strategies = [to, to.until] if isinstance(to.until, EventConsumption) else [to]
            for strategy in strategies:
                yield from (shape_of(each.definition()) for each in filters_in(strategy))


def _of_run(value: Json) -> bool:
    """Tell whether a value takes something from the run."""
    if isinstance(value, dict):
        return any(_of_run(each) for each in value.values())
    if isinstance(value, list):
        return any(_of_run(each) for each in value)
    return is_expression(value) and bool(free_variables(program(value)))
