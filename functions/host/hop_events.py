"""Ledger rows as hop events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from events.envelope import to_binary
from events.times import rfc3339
from events.vocabulary import Hop, task_requested
from functions.host.blobs import dataref

if TYPE_CHECKING:
    from events.envelope import Event, Message
    from functions.host.blobs import Blobs
    from functions.host.ledger.rows.task import Work

_EXPIRES: Final = timedelta(days=1)


async def hop_event(work: Work, blobs: Blobs) -> Event:
    """Return the event that asks for a row's present attempt; the same row, the same event."""
    task, run = work.task, work.run
    ref = dataref(task.input)
    hop = Hop(
        run=task.run,
        instance=task.instance,
        attempt=task.attempt,
        event_id=task.event_id,
        tool=task.tool,
        major=task.major,
        input_digest=task.input_digest,
        dataref=ref,
        data=None if ref else await blobs.unpack(task.input),
    )
    requested = datetime.fromtimestamp(task.requested_at, UTC)
    return task_requested(
        hop,
        flow=run.digest,
        source=f"/flows/{run.namespace}/{run.name}",
        cause=task.cause or run.id,
        traceparent=f"00-{run.trace}-{task.event_id[:16]}-01",
        time=rfc3339(requested),
        expires=rfc3339(requested + _EXPIRES),
    )


async def hop_message(work: Work, blobs: Blobs) -> Message:
    """Return that event as the message it travels in."""
    return to_binary(await hop_event(work, blobs))
