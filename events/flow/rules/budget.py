"""Budgets that are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from events.flow import budget
from events.flow.place import Place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from events.flow.parse import Parsed
    from events.flow.rules.visit import Words


def unspendable(parsed: Parsed) -> Iterator[Words]:
    """Yield what is wrong with the flow's budget."""
    for inside, reason in budget.mistakes(parsed.flow):
        place = Place((*budget.PATH, *inside))
        yield place, f"{place}: {reason}"
