"""A real broker between real sockets: what a sender writes in, and what a subscriber reads."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import pytest
import uvicorn
from aiohttp import web

from knative import filters
from knative.delivery import DeliverySpec
from knative.local.broker import Broker
from knative.local.ingress import Ingress
from knative.local.matching import TriggerSpec
from tests.support.carrying import carrying
from tests.support.serving import answering

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

Headers = list[tuple[str, str]]

BINARY_TYPE: Final = "to.binary"
STRUCTURED_TYPE: Final = "to.structured"
_SECONDS: Final = 10.0


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds; fail after ten seconds."""
    deadline = time.monotonic() + _SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        await asyncio.sleep(0.005)


@dataclass(frozen=True)
class Message:
    """One HTTP message as it was on the wire: header names as sent, values as bytes."""

    headers: list[tuple[str, bytes]]
    body: bytes
    status: int = 0

    def header(self, name: str) -> str | None:
        """Return the one header of this name in any case; None without one."""
        found = [value for header, value in self.headers if header.lower() == name]
        assert len(found) < 2, f"{name} stands there twice"
        return found[0].decode("ascii") if found else None

    def names(self) -> set[str]:
        """Return the names of the `ce-` headers."""
        return {header.lower() for header, _ in self.headers if header.lower()[:3] == "ce-"}


@dataclass
class Link:
    """A broker with one subscriber."""

    port: int
    broker: Broker
    received: list[Message] = field(default_factory=list)

    async def send(self, headers: Headers, body: bytes = b"") -> Message:
        """Write one request, its headers exactly as given, and read the answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        lines = [("Host", "b"), ("Content-Length", str(len(body))), ("Connection", "close")]
        head = "".join(f"{name}: {value}\r\n" for name, value in [*lines, *headers])
        writer.write(b"POST /default/default HTTP/1.1\r\n" + head.encode() + b"\r\n" + body)
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return _answer(answer)

    async def forward(self, headers: Headers, body: bytes = b"") -> Message:
        """Send an event, and return what the subscriber gets of it."""
        self.received.clear()
        answer = await self.send(headers, body)
        assert answer.status == 202, answer.body
        return (await self.arrived(1))[0]

    async def arrived(self, count: int) -> list[Message]:
        """Wait until `count` messages have reached the subscriber and no more are owed."""
        await eventually(lambda: len(self.received) >= count)
        await eventually(lambda: self.broker.stats().stored == 0)
        assert len(self.received) == count
        return self.received


def _answer(text: bytes) -> Message:
    head, _, body = text.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    headers = [line.split(b": ", 1) for line in lines]
    return Message([(n.decode(), v) for n, v in headers], body, int(first.split(b" ")[1]))


@asynccontextmanager
async def _subscriber(received: list[Message]) -> AsyncIterator[str]:
    async def take(request: web.Request) -> web.Response:
        headers = [(name.decode(), value) for name, value in request.raw_headers]
        received.append(Message(headers, await request.read()))
        return web.Response(status=202)

    async with answering(take, shutdown_timeout=0.1) as url:
        yield f"{url}/"


@asynccontextmanager
async def _serving(app: Any) -> AsyncIterator[int]:
    # asyncio turns Nagle's algorithm off only on sockets that say they are TCP
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, http="httptools", ws="none", lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve([listening]))
    await eventually(lambda: server.started)
    yield listening.getsockname()[1]
    server.should_exit = True
    await running


def _trigger(kind: str, url: str, mode: str) -> TriggerSpec:
    return TriggerSpec(
        name=mode,
        subscriber=url,
        filter=filters.compile(filter={"attributes": {"type": kind}}),
        delivery=DeliverySpec(format=mode),
    )


@pytest.fixture
async def link(tmp_path: Path) -> AsyncIterator[Link]:
    """Events of BINARY_TYPE and STRUCTURED_TYPE reach the subscriber in that mode."""
    received: list[Message] = []
    async with _subscriber(received) as url, carrying() as courier:
        triggers = [_trigger(BINARY_TYPE, url, "binary"), _trigger(STRUCTURED_TYPE, url, "json")]
        broker = Broker(tmp_path / "broker.db", triggers, courier.deliver, now=time.time)
        broker.start()
        async with _serving(Ingress(broker)) as port:
            yield Link(port, broker, received)
        await broker.drain(0.0)
