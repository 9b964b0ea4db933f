"""A circuit breaker for each provider: who fails again and again is left alone for a while."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from purgatory import AsyncCircuitBreakerFactory

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_PROBE_SECONDS: Final = 1.0
"""What a request is told to wait while another one probes the provider."""


class CircuitOpen(Exception):  # noqa: N818 - a state, not a mistake
    """The provider is left alone; `wait` seconds until one request may try it."""

    def __init__(self, name: str, seconds: float) -> None:
        super().__init__(f"{name} failed repeatedly and rests for {seconds:.1f} s more")
        self.wait: float | None = seconds


class Breakers:
    """The circuits of one process, by provider.

    The library counts failures and opens the circuit; half-open it lets any number of
    requests through, so here one probes and the others wait.
    """

    def __init__(
        self, failures: int, seconds: float, answered: tuple[type[BaseException], ...]
    ) -> None:
        self._factory = AsyncCircuitBreakerFactory(failures, seconds, exclude=list(answered))
        self._probing: set[str] = set()

    @asynccontextmanager
    async def circuit(self, name: str) -> AsyncIterator[None]:
        """Run a request within the provider's circuit; CircuitOpen when it may not run.

        What is raised inside counts as a failure, unless it is one of the `answered` types.
        """
        breaker = await self._factory.get_breaker(name)
        state = breaker.context
        if state.opened_at is not None:
            left = state.opened_at + state.ttl - time.time()
            if left >= 0:
                raise CircuitOpen(name, left)
        probe = state.state != "closed"
        if probe and name in self._probing:
            raise CircuitOpen(name, _PROBE_SECONDS)
        if probe:
            self._probing.add(name)
        try:
            async with breaker:
                yield
        finally:
            if probe:
                self._probing.discard(name)
