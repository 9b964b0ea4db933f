"""Processes whose end nobody awaits (`await: false`)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from events.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from functions.host.context import Context
    from functions.host.process.program import Ended


class Detached:
    """The processes that nobody waits for; those still running are ended with the service."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    @classmethod
    async def of(cls, context: Context) -> Detached:
        """Return this service's."""

        async def made() -> Detached:
            return cls()

        return await context.resources.once("detached", made, cls.aclose)

    def start(self, ending: Awaitable[Ended], context: Context) -> None:
        """Let a process run on; how it ends is logged."""
        task = asyncio.ensure_future(_logged(ending, context))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def aclose(self) -> None:
        """End what still runs."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)


async def _logged(ending: Awaitable[Ended], context: Context) -> None:
    try:
        ended = await ending
        context.log.info("the process ended with status %s", ended.code)
    except ToolError as error:
        context.log.warning("the process failed: %s", error)
