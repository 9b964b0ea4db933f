"""Schedules that no clock can keep, and filters that no event passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from events.flow.place import Place, value_at
from events.flow.rules.filters import filters_of, scheduled
from events.flow.starters import gathers
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
    if gathers(parsed.flow):
        yield from _apart(parsed)
    for filtered, wanted in filters_of(parsed):
        kind = wanted["with"].get("type")
        if isinstance(kind, str) and kind.startswith((OWN_PREFIX, *LIFECYCLE_PREFIXES)):
            place = Place((*filtered.path, "with", "type"), filtered.task)
            reason = "the platform's own events, those of this prefix, are for no flow"
            yield place, f"{place}: '{kind}' never comes: {reason}"


def _apart(parsed: Parsed) -> Iterator[Words]:
    """Yield the filters under `schedule.on` that no events can pass together."""
    on = Place(("schedule", "on"))
    for path in (("all",), ("until", "all")):
        if value_at(parsed.definition, (*on.path, *path)) == []:
            place = Place((*on.path, *path))
            yield place, f"{place}: of no filters no event starts a run; expected at least one"
    found = list(scheduled(parsed.definition))
    if value_at(parsed.definition, (*on.path, "any")) == []:
        found.insert(0, (Place((*on.path, "any")), {}))
    for place, wanted in found[1:]:
        if own := set(wanted.get("correlate", ())) ^ set(found[0][1].get("correlate", ())):
            told = ", ".join(sorted(own))
            reason = "all filters must have the same correlation keys"
            yield place, f"{place}: {reason}, and {told} is in one of this and the first alone"
