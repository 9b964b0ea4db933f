"""What a handler is given beside its input."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from functions.host.masks import Masks
from functions.host.metering import Meter

if TYPE_CHECKING:
    import logging
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    import aiohttp

    from events.flow.steps import Evaluate
    from functions.host.objects import ObjectStore

T = TypeVar("T")


class Resources:
    """Things made once per process and shared by its calls: models, pools, breakers.

    The host closes them, the last one made first, when the service has drained.
    """

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}
        self._lock = asyncio.Lock()
        self._closing = AsyncExitStack()

    async def once(
        self,
        name: str,
        make: Callable[[], Awaitable[T]],
        close: Callable[[T], Awaitable[object]] | None = None,
    ) -> T:
        """Return the resource called `name`, making it at the first call only.

        `close` is called with it when the service stops.
        """
        if name not in self._made:
            async with self._lock:
                if name not in self._made:
                    self._made[name] = await self._make(make, close)
        made: T = self._made[name]
        return made

    async def aclose(self) -> None:
        """Close everything that was made with a way to close it."""
        await self._closing.aclose()

    async def _make(
        self, make: Callable[[], Awaitable[T]], close: Callable[[T], Awaitable[object]] | None
    ) -> T:
        made = await make()
        if close:
            self._closing.push_async_callback(close, made)
        return made


@dataclass(frozen=True, slots=True)
class Context:
    """One call's surroundings; nothing in it lets a handler touch the ledger or the broker."""

    run: str
    """The run's id."""
    task: str
    """The task instance, for instance `/do/1/ask#1`."""
    attempt: int
    """Counts from 1."""
    idempotency_key: str
    """Stable over attempts and redeliveries of this task; hand it to anything with side effects."""
    timeout: float
    """Seconds the handler may take; the host cancels it then and records a timeout."""
    log: logging.LoggerAdapter[logging.Logger]
    """Structured; carries run, task and trace ids already."""
    folder: Path
    """This tool's own folder for an embedded store; exists."""
    objects: ObjectStore
    http: aiohttp.ClientSession
    """An HTTP client behind the egress policy."""
    resources: Resources = field(default_factory=Resources)
    evaluate: Evaluate | None = None
    """Evaluates the expressions that a handler was given as programs; it may block."""
    masks: Masks = field(default_factory=Masks)
    """What must leave the call nowhere else than to the callee."""
    meter: Meter = field(default_factory=Meter)
    """What the call uses of the run's budget: a handler adds to it what it comes to know."""
