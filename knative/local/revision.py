"""One service on this machine: at most one process that takes requests, started on demand."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from knative.local.admission import Admission
from knative.local.instance import Instance, StartFailed, ending
from knative.local.scale import Scale, backoff

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine

    import aiohttp

    from knative.local.journal import Journal
    from knative.resources import Service

logger = logging.getLogger(__name__)
DRAIN: Final = 30.0
"""Seconds a process has to end after SIGTERM, as on a cluster."""
_NOTICED: Final = 2.0
"""Seconds in which the end of a process is known; its connections end a moment earlier."""
SETTLED: Final = 5.0
"""Seconds a process must live to show that it does not fail at once."""


class State(StrEnum):
    """What a service is doing, as `GET /services` shows it."""

    COLD = "cold"
    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"
    FAILED = "failed"


class Stopping(Exception):  # noqa: N818 - a state of the platform, not a fault
    """The platform is stopping and starts nothing anymore."""


@dataclass(frozen=True, slots=True)
class Liveness:
    """How a frozen process is found: seconds between probes, seconds for one, misses allowed."""

    period: float = 5.0
    timeout: float = 5.0
    failures: int = 3


class Revision:
    """Starts, keeps and stops the process of one service; `launch` starts one."""

    def __init__(
        self,
        service: Service,
        scale: Scale,
        launch: Callable[[], Awaitable[Instance]],
        http: aiohttp.ClientSession,
        journal: Journal,
        liveness: Liveness,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.service = service
        self.scale = scale
        self.journal = journal
        self.admission = Admission(service.revision.container_concurrency)
        self.cold_starts = 0
        self.last_cold_start: float | None = None
        self._launch = launch
        self._http = http
        self._liveness = liveness
        self._clock = clock
        self._instance: Instance | None = None
        self._starting: asyncio.Task[Instance] | None = None
        self._launched = False
        self._failures = 0
        self._failed_at = 0.0
        self._failure: StartFailed | None = None
        self._last_used = clock()
        self._watching: set[asyncio.Task[None]] = set()
        self._drains: set[asyncio.Task[None]] = set()
        self._stopping = False

    @property
    def timeout(self) -> float:
        """Seconds a request may take, waiting for the start included."""
        return float(self.service.revision.timeout_seconds)

    @property
    def pid(self) -> int | None:
        """The process that takes requests."""
        return self._instance.process.pid if self._instance else None

    @property
    def failure(self) -> str | None:
        """Why the last start failed; None once one succeeded."""
        return self._failure.reason if self._failure else None

    @property
    def state(self) -> State:
        """What it is doing now."""
        if self._instance:
            return State.READY
        if self._launched:
            return State.STARTING
        if self._failure:
            return State.FAILED
        return State.DRAINING if self._drains else State.COLD

    @contextlib.asynccontextmanager
    async def admit(self) -> AsyncIterator[Instance]:
        """Hold a request until it may be served, and give the instance that serves it.

        Raises Overloaded, StartFailed or Stopping.
        """
        async with self.admission.turn():
            try:
                yield await self.instance()
            finally:
                self._last_used = self._clock()

    async def instance(self) -> Instance:
        """Return the ready instance, starting one where there is none."""
        if self._instance and self._instance.process.alive:
            return self._instance
        if self._stopping:
            raise Stopping
        if self._starting is None:
            self._starting = asyncio.create_task(self._start(), name=f"start {self.service.name}")
            self._starting.add_done_callback(_look)
        return await asyncio.shield(self._starting)

    async def following(self, instance: Instance) -> Instance | None:
        """Return the instance after one whose connection failed; None where that one is alive."""
        await asyncio.wait([instance.process.exited], timeout=_NOTICED)
        return None if instance.process.alive else await self.instance()

    def keep_up(self) -> None:
        """Keep a process running from now on, if the minimum scale asks for one."""
        if self.scale.minimum:
            _spawn(self._keep_up(), self._watching)

    async def stop(self, grace: float) -> None:
        """Stop everything: SIGTERM, `grace` seconds to drain, SIGKILL."""
        self._stopping = True
        if self._starting:
            self._starting.cancel()
            await asyncio.wait([self._starting])
        instance, self._instance = self._instance, None
        if instance:
            await instance.process.stop(grace)
        for task in self._watching:
            task.cancel()
        await asyncio.gather(*self._watching, *self._drains, return_exceptions=True)

    async def _keep_up(self) -> None:
        while not self._stopping:
            with contextlib.suppress(StartFailed, Stopping):
                instance = await self.instance()
                await asyncio.wait([instance.process.exited])

    async def _start(self) -> Instance:
        try:
            await asyncio.sleep(self._failed_at + backoff(self._failures) - self._clock())
            return await self._start_now()
        except StartFailed as failure:
            self._failure = failure
            self._fail()
            name = self.service.name
            logger.warning("service %s %s (`tendril logs %s` has more)", name, failure.detail, name)
            raise
        finally:
            self._launched = False
            self._starting = None

    async def _start_now(self) -> Instance:
        begun, written = self._clock(), self.journal.size()
        self._launched = True
        instance = await self._launch()
        try:
            await instance.ready(self._http, self.scale.progress_deadline)
        except StartFailed as failure:
            raise StartFailed(failure.reason, self.journal.tail(written)) from failure
        except asyncio.CancelledError:
            await instance.process.kill()
            raise
        self._become_ready(instance, begun)
        return instance

    def _become_ready(self, instance: Instance, begun: float) -> None:
        self._instance, self._failure = instance, None
        self._last_used = self._clock()
        self.cold_starts += 1
        self.last_cold_start = self._last_used - begun
        _spawn(self._tend(instance), self._watching)

    async def _tend(self, instance: Instance) -> None:
        """Watch a ready instance until it exits, is found frozen, or goes to zero."""
        since, misses = self._clock(), 0
        while await self._stays(instance):
            self.journal.rotate()
            alive = await instance.alive(self._http, self._liveness.timeout)
            misses = 0 if alive else misses + 1
            if misses >= self._liveness.failures:
                logger.warning("service %s does not answer: killed", self.service.name)
                await instance.process.kill()
        if self._instance is instance:
            self._instance = None
            self._note_end(instance, since)

    async def _stays(self, instance: Instance) -> bool:
        """Wait for one probe period; False when the instance exited or was retired."""
        until = self._clock() + self._liveness.period
        while instance.process.alive and (left := until - self._clock()) > 0:
            idle_left = self.scale.idle_left(self._idle())
            if idle_left == 0.0:
                self._retire(instance)
                return False
            pause = left if idle_left is None else min(left, idle_left)
            await asyncio.wait([instance.process.exited], timeout=pause)
        return instance.process.alive

    def _idle(self) -> float:
        busy = self.admission.active or self.admission.queued
        return 0.0 if busy else self._clock() - self._last_used

    def _retire(self, instance: Instance) -> None:
        self._instance = None
        _spawn(self._drain(instance), self._drains)

    async def _drain(self, instance: Instance) -> None:
        await instance.process.stop(DRAIN)

    def _note_end(self, instance: Instance, since: float) -> None:
        if self._stopping:
            return
        logger.warning("service %s %s", self.service.name, ending(instance.process.exited.result()))
        if self._clock() - since < SETTLED:
            self._fail()
        else:
            self._failures = 0

    def _fail(self) -> None:
        self._failures += 1
        self._failed_at = self._clock()


def _spawn(work: Coroutine[Any, Any, None], tasks: set[asyncio.Task[None]]) -> None:
    task = asyncio.create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)


def _look(task: asyncio.Task[Instance]) -> None:
    """Mark a start's exception as seen, also when every request that waited went away."""
    if not task.cancelled():
        task.exception()
