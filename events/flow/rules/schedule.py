"""Schedules that no clock can keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from events.flow.place import Place
from events.flow.timetable import wrong

if TYPE_CHECKING:
    from collections.abc import Iterator

    from events.flow.parse import Parsed
    from events.flow.rules.visit import Words


def unkeepable(parsed: Parsed) -> Iterator[Words]:
    """Yield a schedule whose times cannot be told."""
    found = wrong(parsed.definition.get("schedule", {}), parsed.flow)
    if found is not None:
        name, reason = found
        place = Place(("schedule", name))
        yield place, f"{place}: {reason}"
