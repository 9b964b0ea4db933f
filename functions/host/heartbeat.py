"""Keeps a claim alive while its task is worked on, and ends the work when the claim is lost."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType


class Heartbeat:
    """A context: the body is cancelled, and `lost` true, once `beat` says that the claim is gone.

    What `beat` raises ends the body too and leaves the context. Nothing but a timer is made
    for a body that is done before the first beat, as nearly every one is.
    """

    def __init__(self, beat: Callable[[], Awaitable[bool]], every: float) -> None:
        self._beat, self._every = beat, every
        self._beating: asyncio.Task[None] | None = None
        self._failure: Exception | None = None
        self.lost = False

    def __enter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._worker = asyncio.current_task()
        self._timer = self._loop.call_later(self._every, self._begin)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        self._timer.cancel()
        if self._beating is not None:
            self._beating.cancel()
        if not self.lost:
            return False
        assert self._worker is not None
        others = self._worker.uncancel()
        if kind is not asyncio.CancelledError or others:
            return False  # the body's own end came first, or somebody else cancels too
        if self._failure is not None:
            raise self._failure
        return True

    def _begin(self) -> None:
        self._beating = self._loop.create_task(self._keep())

    async def _keep(self) -> None:
        try:
            while await self._beat():  # noqa: ASYNC110 - a heart beats by the clock
                await asyncio.sleep(self._every)
        except Exception as error:  # noqa: BLE001 - the body's end reports it
            self._failure = error
        self.lost = True
        assert self._worker is not None
        self._worker.cancel()
