"""When the broker has to refuse events: before memory or disk run out, not after.

Arriving events are refused first, with 503. The hops of flows that run already are let in until
twice the bounds, for them to end; a subscriber's reply always, as it ends the delivery it answers:
refusing it would keep what is owed from getting less.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from knative.local.tables import StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_LOG: Final = logging.getLogger(__name__)

HEADROOM: Final = 2
"""How many times the bounds the flows that run may take to end."""

PERIOD: Final = 0.25
"""Seconds between two looks at the disk: what arrives in between is the bounds' slack."""


class Busy(Exception):  # noqa: N818 - a state
    """The broker owes as much as it may; the message says what there is too much of."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much the broker may owe; 0 stands for no bound.

    `deliveries` not done, `size` in bytes of the events stored for them, and `free`, the bytes
    that other things on the same disk are to find free.
    """

    deliveries: int = 0
    size: int = 0
    free: int = 0


class Pressure:
    """Looks at the disk now and then; `reason` is why arriving events are refused, if they are.

    `exhausted` says that the headroom is used up as well.
    """

    def __init__(
        self, bounds: Bounds, used: Callable[[], Awaitable[int]], free: Callable[[], int]
    ) -> None:
        self.reason: str | None = None
        self.exhausted = False
        self._bounds = bounds
        self._used = used
        self._free = free
        self._watching: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Look from now on, if there is a bound to look for."""
        if self._bounds.size or self._bounds.free:
            self._watching = asyncio.create_task(self._watch())

    def stop(self) -> None:
        """Look no more."""
        if self._watching is not None:
            self._watching.cancel()

    async def _watch(self) -> None:
        while True:
            try:
                await self._look()
            except (StoreError, OSError) as error:  # as before, until it can be told again
                _LOG.warning("cannot tell how full the disk is: %s", error)
            await asyncio.sleep(PERIOD)

    async def _look(self) -> None:
        bounds = self._bounds
        used = await self._used() if bounds.size else 0
        free = self._free() if bounds.free else 0
        reason = self._judged(used, free)
        if (reason is None) != (self.reason is None):
            _LOG.warning("events are %s", f"refused: {reason}" if reason else "taken again")
        self.reason = reason
        self.exhausted = free * HEADROOM < bounds.free or used >= bounds.size * HEADROOM > 0

    def _judged(self, used: int, free: int) -> str | None:
        bounds = self._bounds
        if bounds.size and used >= bounds.size:
            return (
                f"{used} bytes of events are not delivered yet, and {bounds.size} may be"
                " (TENDRIL_MAX_UNDELIVERED_BYTES)"
            )
        if free < bounds.free:
            return (
                f"{free} bytes of disk are free, and {bounds.free} have to be"
                " (TENDRIL_MIN_FREE_BYTES): free some disk space"
            )
        return None
