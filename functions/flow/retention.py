"""What becomes of runs that ended: the archive gets them, and in the end nobody has them.

The row of an archived run stays in the ledger as long as the archive has the run, so that the
event that started it starts no second one. A run stays until its lifecycle events are told. Every
step can be done again: several replicas may do this at once, and one that dies in between has lost
nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from functions.flow.archive import Archive, Archived
from functions.flow.herald import told_until
from functions.flow.rounds import Rounds

if TYPE_CHECKING:
    from functions.host.assembly import Platform

_BATCH: Final = 100
_LONGEST: Final = 60.0
"""Seconds between two looks; shorter where runs stay for less than ten minutes."""
_UNCLAIMED: Final = 600.0
"""Seconds from when a parcel is announced until it counts as forgotten if nobody holds it; a door
that takes longer is refused."""


class Retention(Rounds):
    """Archives and forgets while it is entered; `tick` does one look's work."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._ledger, self._clock = platform.ledger, platform.clock
        self._archive = Archive(platform.objects, platform.blobs)
        settings = platform.settings
        self._kept, self._archived = settings.retention, settings.archive_retention
        pause = max(settings.sweep_interval, min(_LONGEST, self._kept / 10))
        super().__init__("retention", batch=_BATCH, pause=pause)

    async def tick(self) -> int:
        """Archive the runs whose time in the ledger is over; return how many there were."""
        now = self._clock()
        await self._forget(now)
        before = min(now - self._kept, await told_until(self._platform))
        due = await self._ledger.done_with(before, _BATCH)
        for run_id in due:
            await self._move(run_id, before)
        await self._clear(now)
        return len(due)

    async def _move(self, run_id: str, before: float) -> None:
        run = await self._ledger.run(run_id)
        if run is None or run.archived:
            return
        tasks = await self._ledger.tasks(run_id)
        await self._archive.put(Archived(run, tasks, await self._ledger.history(run_id, 0)))
        await self._ledger.archive(run_id, before)

    async def _clear(self, now: float) -> None:
        """Delete the objects that nothing in the ledger refers to any more."""
        while parcels := await self._ledger.unheld(now - _UNCLAIMED, _BATCH):
            for parcel in parcels:
                await self._archive.clear(parcel)
            await self._ledger.deleted(parcels)

    async def _forget(self, now: float) -> None:
        if not self._archived:
            return
        while over := await self._ledger.archived(now - self._archived, _BATCH):
            for run_id in over:
                await self._archive.clear(run_id)
                await self._archive.delete(run_id)
            await self._ledger.erase(over)
