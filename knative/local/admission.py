"""How many requests a service takes at a time, and how many may wait."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

QUEUE_FACTOR: Final = 10
"""Requests that may wait per one that is served (knative/serving, queue-proxy's breaker)."""


class Overloaded(Exception):  # noqa: N818 - a state of the service, not a fault
    """As many requests are served and wait as the service takes."""


class Admission:
    """First come, first served: `concurrency` at a time, 0 for no limit."""

    def __init__(self, concurrency: int) -> None:
        self._concurrency = concurrency
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.active = 0

    @property
    def queued(self) -> int:
        """Requests that wait for their turn."""
        return len(self._waiting)

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn and hold it; raises Overloaded when too many wait already."""
        await self._enter()
        try:
            yield
        finally:
            self._leave()

    async def _enter(self) -> None:
        if not self._concurrency or (self.active < self._concurrency and not self._waiting):
            self.active += 1
            return
        if len(self._waiting) >= QUEUE_FACTOR * self._concurrency:
            raise Overloaded
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn  # whoever leaves hands its turn over: `active` stays as it is
        except asyncio.CancelledError:
            self._give_up(turn)
            raise

    def _give_up(self, turn: asyncio.Future[None]) -> None:
        if turn.done() and not turn.cancelled():
            self._leave()  # the turn came just as the request went away
        else:
            self._waiting.remove(turn)

    def _leave(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.active -= 1
