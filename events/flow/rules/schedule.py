"""Schedules that no clock can keep, and filters that no event passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from events.flow.place import Place
from events.flow.rules.filters import filters_of
from events.flow.timetable import wrong
from events.vocabulary import LIFECYCLE_PREFIX, OWN_PREFIX

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
    for filtered, wanted in filters_of(parsed):
        kind = wanted["with"].get("type")
        if isinstance(kind, str) and kind.startswith((OWN_PREFIX, LIFECYCLE_PREFIX)):
            place = Place((*filtered.path, "with", "type"), filtered.task)
            reason = "the platform's own events, those of this prefix, are for no flow"
            yield place, f"{place}: '{kind}' never comes: {reason}"
