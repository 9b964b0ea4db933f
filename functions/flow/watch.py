"""Who waits for a run's end: one query for all of them, however many wait."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from functions.host.ledger import LedgerUnavailable

if TYPE_CHECKING:
    from functions.host.ledger.port.runs import Runs

log = logging.getLogger(__name__)

_SHORTEST: Final = 0.002
_LONGEST: Final = 0.1
"""Seconds between two looks: short while runs end, longer while none does."""


class Watch:
    """Tells waiters that their run ended; looks only while somebody waits."""

    def __init__(self, ledger: Runs) -> None:
        self._ledger = ledger
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self._task: asyncio.Task[None] | None = None

    async def ended(self, run_id: str, seconds: float) -> bool:
        """Wait until the run ended, `seconds` at most; return whether it did."""
        told = asyncio.Event()
        self._waiting.setdefault(run_id, set()).add(told)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look(), name="watch")
        try:
            async with asyncio.timeout(seconds):
                await told.wait()
        except TimeoutError:
            return False
        finally:
            self._leave(run_id, told)
        return True

    def _leave(self, run_id: str, told: asyncio.Event) -> None:
        waiters = self._waiting.get(run_id, set())
        waiters.discard(told)
        if not waiters:
            self._waiting.pop(run_id, None)

    async def _look(self) -> None:
        pause = _SHORTEST
        while self._waiting:
            await asyncio.sleep(pause)
            try:
                ended = await self._ledger.ended(list(self._waiting))
            except LedgerUnavailable as error:
                log.warning("cannot see which runs ended, looking again: %s", error)
                ended = []
            for run_id in ended:
                for told in self._waiting.get(run_id, ()):
                    told.set()
            pause = _SHORTEST if ended else min(pause * 1.2, _LONGEST)
