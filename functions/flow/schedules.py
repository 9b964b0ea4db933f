"""Starts the runs that a flow's schedule asks for.

A run's identity is its nominal time, so starting it twice is one run; the next time is set by
compare-and-set afterwards. Whoever dies between the two has lost nothing.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from events.flow.timetable import Kind, Timetable
from functions.flow.starting import start

if TYPE_CHECKING:
    from functions.host.assembly import Platform
    from functions.host.ledger.rows.flow import Schedule

log = logging.getLogger(__name__)
_INPUT: dict[str, Any] = {}
"""A run that nobody started has the empty object for its input."""


async def keep(platform: Platform, now: float) -> None:
    """Start every run that is due by `now`, and note the next times."""
    for schedule in await platform.ledger.scheduled(now):
        try:
            await _attend(platform, schedule, now)
        except LookupError:
            log.exception("the schedule of flow %s", schedule.digest)


async def _attend(platform: Platform, schedule: Schedule, now: float) -> None:
    table = Timetable(cast("Kind", schedule.kind), schedule.spec)
    due = schedule.due_at
    if due is None:
        due = table.next(schedule.ended_at or now, now)
    if due > now:
        await platform.ledger.reschedule(schedule, due, schedule.run)
        return
    nominal = table.latest(due, now)
    run = await _start(platform, schedule, nominal)
    following = None if table.kind == "after" else table.next(nominal, now)
    await platform.ledger.reschedule(schedule, following, run)


async def _start(platform: Platform, schedule: Schedule, nominal: float) -> str:
    deployed = await platform.deployments.get(schedule.digest)
    run, opened = await start(
        platform,
        deployed.row,
        _INPUT,
        door=schedule.kind,
        source="/schedule",
        key=datetime.fromtimestamp(nominal, UTC).isoformat(),
        trace="",
    )
    await platform.emitter.emit(run, opened, reply=False)
    return run.id
