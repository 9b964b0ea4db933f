"""What becomes of events in the inbox; pure, so the same over every implementation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from events.vocabulary import identify
from functions.host.ledger.rows.listen import Gathered
from functions.host.ledger.rows.task import TaskState
from functions.host.ledger.toolless import toolless

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.host.ledger.rows.listen import Subscription
    from functions.host.ledger.rows.task import TaskRow


def hearing(to: Subscription, event: str, outcome: str, at: float) -> TaskRow:
    """Return the row that tells a listen of an event; for the same event it is the same row.

    It is due at once, the earlier event first.
    """
    instance = f"{to.instance}~{event}"
    row = toolless(to.run, instance, to.scope, TaskState.RECORDED, at=at, due_at=at)
    return replace(row, reference=to.reference, outcome=outcome)


def listen_of(instance: str) -> str:
    """Return the instance of the listen that a row tells of an event."""
    return instance.rpartition("~")[0]


def bounds(listen: str) -> tuple[str, str]:
    """Return between which instances the rows lie that tell a listen of events."""
    return f"{listen}~", f"{listen}\x7f"


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
