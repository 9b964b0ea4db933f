"""Schedules that no clock can keep, and filters that no event passes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from events.flow.place import Place
from events.flow.rules.filters import filters_of
from events.flow.timetable import wrong
from events.vocabulary import LIFECYCLE_PREFIXES, OWN_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from events.flow.parse import Parsed
    from events.flow.rules.visit import Words


def unkeepable(parsed: Parsed) -> Iterator[Words]:
    """Yield a schedule whose times cannot be told, and events that never reach a filter."""
    found = wrong(parsed.definition.get("schedule", {}), parsed.flow)
    if found is not None:
        name, reason = found
        place = Place(("schedule", name))
        yield place, f"{place}: {reason}"
    yield from _apart(parsed.definition.get("schedule", {}).get("on", {}).get("all"))
    for filtered, wanted in filters_of(parsed):
        kind = wanted["with"].get("type")
        if isinstance(kind, str) and kind.startswith((OWN_PREFIX, *LIFECYCLE_PREFIXES)):
            place = Place((*filtered.path, "with", "type"), filtered.task)
            reason = "the platform's own events, those of this prefix, are for no flow"
            yield place, f"{place}: '{kind}' never comes: {reason}"


def _apart(filters: list[dict[str, Any]] | None) -> Iterator[Words]:
    """Yield the filters of `schedule.on.all` that no set of events can pass together."""
    place = Place(("schedule", "on", "all"))
    if filters == []:
        yield place, f"{place}: of no filters no event starts a run; expected at least one"
    keys = [set(each.get("correlate", ())) for each in filters or ()]
    for index, own in enumerate(keys):
        if own != keys[0]:
            told = ", ".join(sorted(own ^ keys[0]))
            where = Place((*place.path, index))
            reason = "all filters must have the same correlation keys"
            yield where, f"{where}: {reason}, and {told} is in one of this and the first alone"
