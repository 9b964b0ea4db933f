"""Every event filter of a flow: those of `schedule.on`, and those of its listen tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from events.flow.place import Place, value_at
from events.flow.rules.visit import tasks_of
from events.flow.syntax.listen import ListenTask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from events.flow.parse import Parsed
    from events.flow.rules.visit import Visit

Found = tuple[Place, dict[str, Any]]
"""A filter's place, and its definition."""


def filters_of(parsed: Parsed) -> Iterator[Found]:
    """Yield every filter of the flow."""
    yield from scheduled(parsed.definition)
    for visit in tasks_of(parsed.flow):
        yield from heard(parsed.definition, visit)


def scheduled(definition: Any) -> Iterator[Found]:
    """Yield the filters of `schedule.on`."""
    yield from _within(definition, Place(("schedule", "on")))


def heard(definition: Any, visit: Visit) -> Iterator[Found]:
    """Yield the filters of a task, if it listens."""
    if isinstance(visit.task, ListenTask):
        yield from _within(definition, visit.place("listen", "to"))


def _within(definition: Any, place: Place) -> Iterator[Found]:
    """Yield the filters of a strategy, and of the one in its `until`."""
    strategy = value_at(definition, place.path)
    if not isinstance(strategy, dict):
        return
    if "one" in strategy:
        yield _below(place, "one"), strategy["one"]
    for name in ("all", "any"):
        for index, each in enumerate(strategy.get(name, ())):
            yield _below(place, name, index), each
    yield from _within(definition, _below(place, "until"))


def _below(place: Place, *inside: str | int) -> Place:
    return Place((*place.path, *inside), place.task)
