"""One process of a service, as the platform sees it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path


REPORT_DEADLINE: Final = 5.0
"""Seconds until a killed process counts as ended although its template reports nothing."""


@dataclass(frozen=True, slots=True)
class Command:
    """What to run: `module` is set when the template may run it without starting anew."""

    name: str
    argv: tuple[str, ...]
    environment: dict[str, str]
    folder: Path
    log: Path
    module: str | None = None


class Process:
    """A started process that leads its own group; `exited` resolves to its exit code."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @property
    def alive(self) -> bool:
        """Whether no exit was reported yet."""
        return not self.exited.done()

    def end(self, status: int) -> None:
        """Note that it exited; negative codes are signals."""
        if self.alive:
            self.exited.set_result(status)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the whole group; one that is gone is no error."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    async def stop(self, grace: float) -> int:
        """SIGTERM, then SIGKILL after `grace` seconds; returns the exit code."""
        self.send(signal.SIGTERM)
        self.send(signal.SIGCONT)  # a frozen process could not hear it
        try:
            return await asyncio.wait_for(asyncio.shield(self.exited), grace)
        except TimeoutError:
            return await self.kill()

    async def kill(self) -> int:
        """SIGKILL; returns the exit code, or takes it as done when nobody reports it."""
        self.send(signal.SIGKILL)
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(asyncio.shield(self.exited), REPORT_DEADLINE)
        self.end(-signal.SIGKILL)
        return -signal.SIGKILL
