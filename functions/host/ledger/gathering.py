"""When events of the inbox make a set; pure, so the same over every implementation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from events.vocabulary import identify
from functions.host.ledger.rows.gathering import Gathered

if TYPE_CHECKING:
    from collections.abc import Sequence


def gathered(digest: str, waiting: Sequence[Sequence[tuple[str, str]]]) -> Gathered | None:
    """Return the set that the events make which wait for each filter, the earliest first.

    `waiting` has an event's identity and its outcome. None where a filter has no event of its own.
    """
    chosen: dict[str, str] = {}
    for events in waiting:
        own = next((each for each in events if each[0] not in chosen), None)
        if own is None:
            return None
        chosen[own[0]] = own[1]
    name = identify("gathered", digest, *chosen)
    return Gathered(name, digest, tuple(chosen.values()), tuple(chosen))
