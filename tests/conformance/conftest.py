"""A real broker behind a real HTTP server, and real HTTP subscribers that record and obey."""

from __future__ import annotations

import asyncio
import socket
import time
from collections import defaultdict
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import uvicorn
from aiohttp import web

from events.envelope import Event, create, parse, to_binary
from knative import filters
from knative.delivery import DeliverySpec, Response
from knative.local.broker import Broker
from knative.local.ingress import Ingress
from knative.local.matching import TriggerSpec
from tests.support.carrying import carrying

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from knative.local.courier import Courier
    from knative.local.rates import Rates

ADDRESSES = ("default/default", "default/second")
Headers = list[tuple[str, str]]
EVENT = {
    "ce-specversion": "1.0",
    "ce-id": "1",
    "ce-source": "/test",
    "ce-type": "a",
    "content-type": "application/json",
}


@dataclass(frozen=True)
class Request:
    """One delivery as it arrived: when (monotonic seconds), and exactly what."""

    at: float
    headers: Headers
    body: bytes

    @property
    def event(self) -> Event:
        """The event it carries."""
        return parse(self.headers, self.body)

    def header(self, name: str) -> str | None:
        """Return one header's value."""
        return dict(self.headers).get(name)


@dataclass(frozen=True)
class Answer:
    """What a subscriber says; status 0 closes the connection, `wait` comes before."""

    status: int
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    wait: float = 0.0


def _answer(told: Answer | Event | int) -> Answer:
    if isinstance(told, int):
        return Answer(told)
    if isinstance(told, Answer):
        return told
    headers, body = to_binary(told)
    return Answer(200, tuple(headers.items()), body)


class Subscribers:
    """An HTTP server whose every path is a subscriber; the last answer goes on for ever."""

    def __init__(self) -> None:
        self.requests: dict[str, list[Request]] = defaultdict(list)
        self.answers: dict[str, list[Answer]] = {}
        self.port = 0

    def answer(self, name: str, *answers: Answer | Event | int) -> None:
        """Have a subscriber answer one after the other: a status, a reply, or anything."""
        self.answers[name] = [_answer(each) for each in answers]

    def url(self, name: str) -> str:
        """Return a subscriber's URL."""
        return f"http://127.0.0.1:{self.port}/{name}"

    def events(self, name: str) -> list[Event]:
        """Return the events a subscriber got."""
        return [request.event for request in self.requests[name]]

    async def handle(self, request: web.Request) -> web.Response:
        """Record a request and answer as told, else 202."""
        name = request.path.removeprefix("/")
        headers = [(key.lower(), value) for key, value in request.headers.items()]
        self.requests[name].append(Request(time.monotonic(), headers, await request.read()))
        answers = self.answers.get(name, [Answer(202)])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        await asyncio.sleep(answer.wait)
        if answer.status == 0:
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=answer.status or 500, headers=answer.headers, body=answer.body)


class Knative:
    """The broker's side: its Triggers, its HTTP door, what it stored."""

    def __init__(self, folder: Path, client: aiohttp.ClientSession, courier: Courier) -> None:
        self.client = client
        self.courier = courier
        self.subscribers = Subscribers()
        self.url = ""
        self.broker: Broker
        self._folder = folder
        self._server: uvicorn.Server
        self._serving: asyncio.Task[None]

    def trigger(
        self,
        name: str,
        filter: dict[str, Any] | None = None,  # noqa: A002 - the Trigger's own field name
        filters_: list[Any] | None = None,
        subscriber: str | None = None,
        broker: str = ADDRESSES[0],
        *,
        ordered: bool = False,
        **delivery: Any,
    ) -> TriggerSpec:
        """Return a Trigger whose subscriber has its name; delivery as DeliverySpec has it."""
        sink = delivery.pop("dead_letter_sink", self.subscribers.url("sink"))
        return TriggerSpec(
            name=name,
            broker=broker,
            subscriber=subscriber or self.subscribers.url(name),
            filter=filters.compile(filter, filters_),
            delivery=DeliverySpec(dead_letter_sink=sink, **delivery),
            ordered=ordered,
        )

    async def start(
        self, *triggers: TriggerSpec, rates: Rates | None = None, **options: Any
    ) -> None:
        """Serve a broker with these Triggers; `rates` are the door's, all else the broker's."""
        path = self._folder / "broker.db"
        self.broker = Broker(
            path, triggers, self.courier.deliver, now=time.time, addresses=ADDRESSES, **options
        )
        self.courier.broker = self.broker
        self.broker.start()
        door = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(
            Ingress(self.broker, rates=rates),
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
        )
        self._server = uvicorn.Server(config)
        self._serving = asyncio.create_task(self._server.serve(sockets=[door]))
        await self.until(lambda: self._server.started)
        self.url = f"http://127.0.0.1:{door.getsockname()[1]}"

    async def stop(self) -> None:
        """Stop the server and the broker."""
        self._server.should_exit = True
        await self._serving
        await self.broker.drain(0)

    async def request(
        self,
        method: str = "POST",
        path: str = "/default/default",
        headers: dict[str, str] | None = None,
        body: Any = b"{}",
    ) -> Response:
        """Send one request to the broker: without arguments a small event in binary mode."""
        given = EVENT if headers is None else headers
        async with self.client.request(
            method, self.url + path, headers=given, data=body, skip_auto_headers=["content-type"]
        ) as response:
            pairs = [(name.lower(), value) for name, value in response.headers.items()]
            return Response(response.status, pairs, await response.read())

    async def send(self, **attributes: str) -> None:
        """Send an event with these attributes; it is accepted."""
        headers = EVENT | {f"ce-{name}": value for name, value in attributes.items()}
        assert (await self.request(headers=headers)).status == 202

    async def until(self, condition: Callable[[], object], seconds: float = 15.0) -> None:
        """Wait until a condition holds, or fail."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"not in time; {self.broker.stats()}"
            await asyncio.sleep(0.005)

    async def settled(self) -> None:
        """Wait until nothing is left to deliver."""
        await self.until(lambda: self.broker.stats().stored == 0)


@asynccontextmanager
async def serving(subscribers: Subscribers) -> AsyncIterator[None]:
    """Serve the subscribers on a free port."""
    app = web.Application()
    app.router.add_route("*", "/{name:.*}", subscribers.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    [address] = runner.addresses
    subscribers.port = address[1]
    try:
        yield
    finally:
        await runner.cleanup()


@pytest.fixture
async def knative(tmp_path: Path) -> AsyncIterator[Knative]:
    """A platform of one broker; a test starts it with its Triggers."""
    async with aiohttp.ClientSession() as client, carrying() as courier:
        made = Knative(tmp_path, client, courier)
        async with serving(made.subscribers):
            yield made
            await made.stop()


@pytest.fixture
def answer() -> type[Answer]:
    """Return what a subscriber can be told to say."""
    return Answer


@pytest.fixture
def event() -> Callable[..., Event]:
    """Return a function that makes an event of a type."""

    def make(kind: str = "b", name: str = "2", **attributes: Any) -> Event:
        return create(id=name, source="/reply", type=kind, data={"ok": True}, **attributes)

    return make
