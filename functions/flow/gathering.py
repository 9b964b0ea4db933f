"""Starts the runs of flows that several events start together (`schedule.on.all`)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from events.flow.correlate import input_of
from functions.flow.starting import start

if TYPE_CHECKING:
    from functions.host.assembly import Platform
    from functions.host.emitting import Opened
    from functions.host.ledger.rows import Gathered, RunRow

log = logging.getLogger(__name__)


async def begin(platform: Platform, gathered: Gathered) -> tuple[RunRow, Opened]:
    """Start the run of a set of events; the caller emits what is open.

    Its identity is that of its events, so whoever dies on the way has lost nothing: the set is
    there until its run is.
    """
    deployed = await platform.deployments.get(gathered.digest)
    events = [(await platform.blobs.unpack(each))["event"] for each in gathered.outcomes]
    run, opened = await start(
        platform,
        deployed.row,
        input_of(*events),
        door="on",
        source="/schedule/all",
        key=gathered.id,
        trace=str(events[-1].get("traceparent") or ""),
    )
    await platform.ledger.started(gathered)
    return run, opened


async def keep(platform: Platform, now: float) -> None:
    """Start what the door that gathered it did not."""
    for gathered in await platform.ledger.gathered(now - platform.settings.request_grace):
        try:
            run, opened = await begin(platform, gathered)
        except LookupError:
            log.exception("the events of flow %s", gathered.digest)
        else:
            await platform.emitter.emit(run, opened, reply=False)
