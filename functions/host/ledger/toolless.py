"""Rows of what no tool does: timers, listens, and what is told to a scope."""

from __future__ import annotations

from events.vocabulary import hop_id
from functions.host.ledger.rows.task import TaskRow, TaskState


def toolless(
    run: str, instance: str, scope: str, state: TaskState, *, at: float, due_at: float
) -> TaskRow:
    """Return a row that is made at a time and due at another, in seconds since the epoch."""
    return TaskRow(
        run=run,
        instance=instance,
        scope=scope,
        reference="",
        tool="",
        major=0,
        version="",
        attempt=1,
        edition=0,
        event_id=hop_id(run, instance, 1),
        cause="",
        input="null",
        input_digest="",
        state=state,
        due_at=due_at,
        requested_at=at,
    )
