"""A broker with a scripted subscriber behind its `deliver` port, and a condition to wait for."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest

from events.envelope import Event, create, parse, to_binary
from knative import filters
from knative.delivery import BackoffPolicy, DeliveryFailed, DeliverySpec, Response
from knative.local.broker import Broker
from knative.local.matching import TriggerSpec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

FAST = DeliverySpec(
    retry=3,
    backoff_policy=BackoffPolicy.LINEAR,
    backoff_delay=0.0,
    dead_letter_sink="http://sink/",
)


class Subscribers:
    """Every subscriber by URL: what it received, and what it answers (202 unless told)."""

    def __init__(self) -> None:
        self.received: dict[str, list[Event]] = defaultdict(list)
        self.headers: dict[str, list[dict[str, str]]] = defaultdict(list)
        self.answers: dict[str, Callable[[Event], Awaitable[Response]]] = {}

    async def deliver(
        self, url: str, headers: dict[str, str], body: bytes, seconds: float
    ) -> Response:
        """Be the `Deliver` port."""
        assert seconds > 0
        event = parse(headers.items(), body)
        self.received[url].append(event)
        self.headers[url].append(headers)
        answer = self.answers.get(url)
        return Response(202, []) if answer is None else await answer(event)

    def ids(self, url: str) -> list[str]:
        """Return the ids of the events a subscriber got, in order."""
        return [event.id for event in self.received[url]]

    def status(self, url: str, *statuses: int) -> None:
        """Answer with these statuses one after the other, then with the last; 0 is no response."""
        left = list(statuses)

        async def answer(_: Event) -> Response:
            status = left.pop(0) if len(left) > 1 else left[0]
            if status == 0:
                raise DeliveryFailed("connection refused")
            return Response(status, [], b"" if 200 <= status < 300 else b"why")

        self.answers[url] = answer

    def hang(self, url: str) -> None:
        """Never answer."""

        async def answer(_: Event) -> Response:
            await asyncio.Event().wait()
            raise AssertionError

        self.answers[url] = answer

    def reply(self, url: str, make: Callable[[Event], Event]) -> None:
        """Answer with an event."""

        async def answer(event: Event) -> Response:
            headers, body = to_binary(make(event))
            return Response(200, list(headers.items()), body)

        self.answers[url] = answer


class Platform:
    """Brokers over one file, one after the other; the last one is stopped at the end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.subscribers = Subscribers()
        self.ahead = 0.0
        self.broker: Broker | None = None

    def start(self, *triggers: TriggerSpec, **options: Any) -> Broker:
        """Start a broker with these Triggers."""
        self.broker = Broker(
            self.path,
            triggers,
            self.subscribers.deliver,
            now=lambda: time.time() + self.ahead,
            **options,
        )
        self.broker.start()
        return self.broker

    def limit_pages(self, extra: int) -> None:
        """Let the store's file grow by `extra` pages at most: a disk that fills up."""
        assert self.broker is not None
        connection = self.broker._store._connection
        [[pages]] = connection.execute("PRAGMA page_count").fetchall()
        connection.execute(f"PRAGMA max_page_count = {pages + extra}").fetchall()

    async def stop(self, grace: float = 0.0) -> None:
        """Stop the broker that runs."""
        if self.broker is not None:
            await self.broker.drain(grace)
            self.broker = None


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[Platform]:
    """A platform in an empty folder."""
    made = Platform(tmp_path / "broker.db")
    yield made
    await made.stop()


@pytest.fixture
def trigger() -> Callable[..., TriggerSpec]:
    """Return a function that makes a Trigger on one type, with fast retries and a sink."""

    def make(name: str, kind: str, spec: DeliverySpec = FAST) -> TriggerSpec:
        compiled = filters.compile(filter={"attributes": {"type": kind}})
        return TriggerSpec(name, f"http://{name}/", compiled, delivery=spec)

    return make


@pytest.fixture
def event() -> Callable[..., Event]:
    """Return a function that makes a small event."""

    def make(name: str = "1", kind: str = "a", data: Any = None, **attributes: Any) -> Event:
        return create(id=name, source="/test", type=kind, data=data or {"n": name}, **attributes)

    return make


@pytest.fixture
def eventually() -> Callable[..., Awaitable[None]]:
    """Return a function that waits until a condition holds, or fails after some seconds."""

    async def wait(condition: Callable[[], object], seconds: float = 15.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "the condition did not come true in time"
            await asyncio.sleep(0.005)

    return wait
