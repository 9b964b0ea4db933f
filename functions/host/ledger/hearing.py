"""Hearings, the rows that tell listens of events; pure, so the same over every implementation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from functions.host.ledger.rows.task import TaskState
from functions.host.ledger.toolless import toolless

if TYPE_CHECKING:
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
