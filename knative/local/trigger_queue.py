"""The queue of one Trigger: deliveries in order of arrival, a bounded number under way."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from knative.local.tables import Kept, Owed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from knative.local.exchange import Failure
    from knative.local.matching import TriggerSpec

CONCURRENCY: Final = 64
"""Attempts one Trigger may have under way."""

KEPT_IN_MEMORY: Final = 1024
"""Events one Trigger's queue holds on to; those behind them are read back when it is their turn."""

LARGE: Final = 16 * 1024
"""Bytes of data; a larger event is read back wherever another one is before it."""


@dataclass(slots=True, eq=False)
class Delivery:
    """One event on its way to one Trigger's subscriber; with `failure`, to the sink.

    `attempt` counts the attempts made at where it goes now. A `ghost` is a duplicate made by
    disorder: its reply counts, its failure does not. `partition` is the key of the event's order,
    where there is one to keep.
    """

    id: int
    event: int
    trigger: TriggerSpec
    kept: Kept | None = None
    attempt: int = 0
    due: float = 0.0
    failure: Failure | None = None
    ghost: bool = False
    partition: str | None = None

    def owed(self) -> Owed:
        """Return the row that keeps this over a restart."""
        return Owed(self.id, self.event, self.trigger.key, self.attempt, self.due, self.failure)


class TriggerQueue:
    """Deliveries of one Trigger in their order of arrival, a bounded number at a time."""

    def __init__(self, attempt: Callable[[Delivery], Awaitable[None]], limit: int) -> None:
        self._attempt = attempt
        self._limit = limit
        self._waiting: deque[Delivery] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._active = 0
        self._stopped = False

    @property
    def waiting(self) -> int:
        """Deliveries without a slot."""
        return len(self._waiting)

    @property
    def active(self) -> int:
        """Deliveries under way."""
        return self._active

    def offer(self, delivery: Delivery) -> None:
        """Queue a delivery and see that somebody works."""
        if self._waiting and not delivery.ghost and self._read_back(delivery.kept):
            delivery.kept = None
        self._waiting.append(delivery)
        if self._active < self._limit and not self._stopped:
            self._active += 1
            task = asyncio.create_task(self._work())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _read_back(self, kept: Kept | None) -> bool:
        """Whether an event had better wait on disk alone."""
        data = None if kept is None else kept.event.data
        return len(self._waiting) >= KEPT_IN_MEMORY or (data is not None and len(data) > LARGE)

    async def stop(self, grace: float) -> None:
        """Start nothing more; give what is under way `grace` seconds, then cancel it."""
        self._stopped = True
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _work(self) -> None:
        try:
            while self._waiting and not self._stopped:
                await self._attempt(self._waiting.popleft())
        finally:
            # Here and not in the task's callback, which runs later: an event offered between
            # the two would find every slot taken and nobody at work.
            self._active -= 1
