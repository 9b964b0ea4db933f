"""Hops that are done elsewhere: the event goes on to whoever claims it there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from events.envelope import Event
from events.errors import TendrilError
from events.vocabulary import read_hop
from functions.host.context import Resources
from functions.host.ledger.claims import Verdict, decide

if TYPE_CHECKING:
    from events.envelope import Message
    from functions.host.assembly import Platform
    from functions.host.endpoint import Take

HandOver = Callable[[Event, Any, Resources], Awaitable[bool]]
"""Gives an event away, with the task's input; False where it is to be done here after all."""


class Handover:
    """Gives away what this host would claim; everything else it does as always.

    Nothing is claimed here, so whatever becomes of an event that was given away, the row is as it
    was: the clock emits it again, and gives it up in the end.
    """

    def __init__(self, give: HandOver, platform: Platform, resources: Resources, do: Take) -> None:
        self._give, self._resources, self._do = give, resources, do
        self._ledger, self._blobs, self._clock = platform.ledger, platform.blobs, platform.clock

    async def take(self, event: Event) -> Message | None:
        """Take one event as `Worker.do` does."""
        hop = read_hop(event)
        work = await self._ledger.task(hop.run, hop.instance)
        if work is not None and decide(work, hop, self._clock())[0] is Verdict.CLAIM:
            try:
                asked = await self._blobs.unpack(work.task.input)
            except TendrilError:
                return await self._do(event)  # which makes it the task's error
            if await self._give(event, asked, self._resources):
                return None
        return await self._do(event)
