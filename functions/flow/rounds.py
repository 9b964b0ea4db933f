"""Work that a service does again and again beside its requests, for as long as it runs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from abc import ABC, abstractmethod
from typing import Self

from events.errors import RetryableError
from functions.host.faults import SinkUnavailable
from functions.host.ledger import LedgerUnavailable

log = logging.getLogger(__name__)


class Rounds(ABC):
    """Does rounds of `tick` while it is entered; `tick` may be called alone by anyone.

    What fails is logged and goes on with the next round: a ledger, a broker or an object store
    that is away comes back.
    """

    def __init__(self, name: str, *, batch: int, pause: float, after_failure: float = 0.0) -> None:
        self._rounds, self._batch = name, batch
        self._pause, self._after_failure = pause, after_failure
        self._loop: asyncio.Task[None] | None = None

    @abstractmethod
    async def tick(self) -> int:
        """Do one round and return how much that was; after a whole batch the next is at once."""

    async def __aenter__(self) -> Self:
        self._loop = asyncio.create_task(self._go_round(), name=self._rounds)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._loop:
            self._loop.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._loop

    async def _go_round(self) -> None:
        wait = self._pause
        while True:
            await asyncio.sleep(wait)
            wait = self._pause
            try:
                while await self.tick() == self._batch:
                    pass
            except (LedgerUnavailable, SinkUnavailable, RetryableError) as error:
                log.warning("%s stops and goes on with the next round: %s", self._rounds, error)
                wait = max(self._pause, self._after_failure)
            except Exception:
                log.exception("%s failed; it goes on with the next round", self._rounds)
                wait = max(self._pause, self._after_failure)
