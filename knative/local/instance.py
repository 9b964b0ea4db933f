"""One running process of a service: started on a port, probed, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from knative.local.process import Process
    from knative.resources import Service

_FIRST_PAUSE: Final = 0.01
_LONGEST_PAUSE: Final = 0.25


class StartFailed(Exception):  # noqa: N818 - read as a sentence where it is caught
    """A service's process that did not become ready; `tail` is the end of its log."""

    def __init__(self, reason: str, tail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.tail = tail

    @property
    def detail(self) -> str:
        """The reason with the last line of the log, which says why."""
        last = self.tail.rpartition("\n")[2]
        return f"{self.reason}: {last}" if last else self.reason


@dataclass(frozen=True, slots=True)
class Probes:
    """What is asked of an instance: paths; without `alive_path` any answer means alive."""

    ready_path: str | None = None
    alive_path: str | None = None

    @classmethod
    def of(cls, service: Service) -> Probes:
        """Read the container's probes."""
        ready, alive = service.container.readiness_probe, service.container.liveness_probe
        return cls(
            ready_path=ready.http_get.path if ready and ready.http_get else None,
            alive_path=alive.http_get.path if alive and alive.http_get else None,
        )


@dataclass(frozen=True, slots=True)
class Instance:
    """A process and the port it listens on."""

    process: Process
    port: int
    probes: Probes

    @property
    def url(self) -> str:
        """Where it answers, without a trailing slash."""
        return f"http://127.0.0.1:{self.port}"

    async def ready(self, http: aiohttp.ClientSession, deadline: float) -> None:
        """Wait until it answers; raises StartFailed when it exits first or takes too long."""
        pause = _FIRST_PAUSE
        try:
            async with asyncio.timeout(deadline):
                while not await self._answers_ready(http):
                    await self._still_running(pause)
                    pause = min(_LONGEST_PAUSE, pause * 1.1)
        except TimeoutError:
            await self.process.kill()
            raise StartFailed(f"was not ready within {deadline:g} s") from None

    async def alive(self, http: aiohttp.ClientSession, limit: float) -> bool:
        """Ask whether it lives, for `limit` seconds; a frozen process does not answer at all."""
        path = self.probes.alive_path
        try:
            status = await _get(http, self.url + (path or "/health/live"), limit)
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False
        return path is None or _well(status)

    async def _answers_ready(self, http: aiohttp.ClientSession) -> bool:
        path = self.probes.ready_path
        if path is None:
            return await _listens(self.port)
        with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
            return _well(await _get(http, self.url + path, 1.0))
        return False

    async def _still_running(self, pause: float) -> None:
        await asyncio.wait([self.process.exited], timeout=pause)
        if not self.process.alive:
            raise StartFailed(f"{ending(self.process.exited.result())} while starting")


async def launch(run: Callable[[int], Awaitable[Process]], probes: Probes) -> Instance:
    """Start a process on a free port; `run` gets the port."""
    port = _free_port()
    return Instance(await run(port), port, probes)


def ending(status: int) -> str:
    """Say how a process ended."""
    if status >= 0:
        return f"exited with status {status}"
    return f"was ended by {signal.Signals(-status).name}"


def _well(status: int) -> bool:
    return 200 <= status < 400  # noqa: PLR2004 - Kubernetes' rule for HTTP probes


async def _get(http: aiohttp.ClientSession, url: str, limit: float) -> int:
    timeout = aiohttp.ClientTimeout(total=limit)
    async with http.get(url, timeout=timeout, allow_redirects=False) as response:
        return response.status


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
