"""The herald: tells the broker, as lifecycle events, what the histories of all runs say.

It reads the histories behind the hops and never delays one. Where it has come to is a bookmark in
the ledger: what a crash kept it from telling is told afterwards, and what was told twice is the
same event. Of several replicas one tells, under a lease that the others take over when it ends.
"""

from __future__ import annotations

import contextlib
import math
import uuid
from typing import TYPE_CHECKING, Final, Self

from functions.flow.rounds import Rounds
from functions.flow.standing import OF_ALL, concerned
from functions.flow.tidings import TASKS, WORKFLOWS, lifecycle_events
from functions.host.ledger import LedgerUnavailable
from functions.host.ledger.rows.history import Bookmark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.flow.standing import Open
    from functions.host.assembly import Platform
    from functions.host.ledger.rows.history import Line

READER: Final = "lifecycle"
_BATCH: Final = 500
_PAUSE: Final = 0.2
"""Seconds between two looks: what happens in them travels together."""
_AFTER_FAILURE: Final = 2.0
_SKEW: Final = 60.0


async def told_until(platform: Platform) -> float:
    """Return the time before which everything has been told; infinity where nothing waits.

    Runs that ended later must stay in the ledger. Hosts' clocks may differ by a minute.
    """
    if platform.settings.lifecycle == "off":
        return math.inf
    seen = await platform.ledger.bookmark(READER)
    lines, _ = await platform.ledger.lines(seen.place, (*WORKFLOWS, *TASKS), 1)
    return lines[0].entry.at - _SKEW if lines else math.inf


class Herald(Rounds):
    """Tells what happens while it is entered; `tick` tells one batch and may be called alone.

    Entered before the first run can start, it misses none.
    """

    def __init__(self, platform: Platform) -> None:
        self._platform, self._ledger = platform, platform.ledger
        self._tasks = platform.settings.lifecycle == "all"
        self._kinds = (*WORKFLOWS, *TASKS) if self._tasks else WORKFLOWS
        self._name, self._lease = uuid.uuid4().hex, platform.settings.lease
        super().__init__("the herald", batch=_BATCH, pause=_PAUSE, after_failure=_AFTER_FAILURE)

    async def __aenter__(self) -> Self:
        seen = await self._ledger.bookmark(READER)
        if self._platform.settings.lifecycle != "off":
            return await super().__aenter__()
        await self._ledger.mark(READER, seen, None)  # what happens meanwhile is never told
        return self

    async def __aexit__(self, *_: object) -> None:
        await super().__aexit__()
        if self._platform.settings.lifecycle != "off":
            with contextlib.suppress(LedgerUnavailable):
                await self._leave()

    async def _leave(self) -> None:
        """Let another replica go on at once."""
        seen = await self._ledger.bookmark(READER)
        if seen.holder == self._name:
            await self._ledger.mark(READER, seen, Bookmark(seen.place))

    async def tick(self) -> int:
        """Tell the next lines, if that is this replica's; return how many."""
        seen, now = await self._ledger.bookmark(READER), self._platform.clock()
        if seen.holder != self._name and seen.until > now:
            return 0
        lines, end = await self._ledger.lines(seen.place, self._kinds, _BATCH)
        if end == seen.place:
            return 0
        if lines:
            held = Bookmark(seen.place, self._name, now + self._lease)
            if not await self._ledger.mark(READER, seen, held):
                return 0
            await self._tell(lines)
            seen = held
        await self._ledger.mark(READER, seen, Bookmark(end, self._name, now + self._lease))
        return len(lines)

    async def _tell(self, lines: Sequence[Line]) -> None:
        statuses = self._platform.settings.lifecycle_statuses
        events = [
            event
            for line in lines
            for event in lifecycle_events(
                line, await self._concerned(line), tasks=self._tasks, statuses=statuses
            )
        ]
        await self._platform.sink.publish_together(events)

    async def _concerned(self, line: Line) -> list[Open]:
        """Return the open tasks that a line is about, which only its run's history says."""
        if not self._tasks or line.entry.kind not in OF_ALL:
            return []
        history = await self._ledger.history(line.run, 0)
        return concerned(entry for seq, entry in history if seq <= line.seq)
