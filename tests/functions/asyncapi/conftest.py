"""Real servers of each protocol, and a context to call them from."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nats
import pytest
from aiohttp import web

from functions.host.jq import JqPool
from tests.support import brokers
from tests.support.certificates import Certificate, localhost
from tests.support.local_platform import until
from tests.support.ports import free_port
from tests.support.surroundings import surroundings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from functions.host.context import Context
    from tests.support.brokers import Broker


@dataclass
class Web:
    """An HTTP server whose channel `/greetings` takes messages and gives those it has."""

    port: int = 0
    seen: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    gives: list[str] = field(default_factory=list)
    stays: bool = True
    """Whether a stream stays open after what it gives."""

    async def take(self, request: web.Request) -> web.Response:
        """Take a message."""
        self.seen.append((request.method, dict(request.headers), await request.text()))
        return web.Response(status=202)

    async def give(self, request: web.Request) -> web.StreamResponse:
        """Give the messages, as frames of a WebSocket, or as events."""
        if request.headers.get("Upgrade"):
            return await self._frames(request)
        self.seen.append((request.method, dict(request.headers), ""))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for each in self.gives:
            await response.write(f": a comment\ndata: {each}\n\n".encode())
        await self._stay()
        return response

    async def lines(self, request: web.Request) -> web.StreamResponse:
        """Give the messages a line each."""
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        await response.write("\n".join([*self.gives, ""]).encode())
        return response

    async def _frames(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        for each in self.gives:
            await socket.send_str(each)
        async for frame in socket:
            self.seen.append(("WS", dict(request.headers), frame.data))
        return socket

    async def _stay(self) -> None:
        with suppress(asyncio.CancelledError):
            if self.stays:
                await asyncio.sleep(60)


@pytest.fixture
async def http() -> AsyncIterator[Web]:
    """Serve the channel on loopback."""
    made = Web()
    app = web.Application()
    app.router.add_post("/api/greetings", made.take)
    app.router.add_put("/api/greetings", made.take)
    app.router.add_get("/api/greetings", made.give)
    app.router.add_get("/api/lines", made.lines)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.port = runner.addresses[0][1]
    yield made
    await runner.cleanup()


@asynccontextmanager
async def running(port: int, *command: str) -> AsyncIterator[int]:
    """Run a broker from the environment that the tests run in."""
    program = str(Path(sys.executable).parent / command[0])
    process = await asyncio.create_subprocess_exec(
        program, *command[1:], stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )

    async def listens() -> bool:
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return True
        return False

    try:
        await until(listens, 20, f"{command[0]} listens")
        yield port
    finally:
        process.terminate()
        await process.wait()


@pytest.fixture
async def broker() -> AsyncIterator[int]:
    """Run a NATS server; yield its port."""
    port = free_port()
    login = ("--user", "ada", "--pass", "pa55word")
    async with running(port, "nats-server", "-a", "127.0.0.1", "-p", str(port), *login):
        yield port


@pytest.fixture
async def talk(broker: int) -> AsyncIterator[Any]:
    """A client of the NATS server."""
    client = await nats.connect(f"nats://127.0.0.1:{broker}", user="ada", password="pa55word")
    yield client
    await client.close()


@pytest.fixture
async def mqtt(tmp_path: Path) -> AsyncIterator[int]:
    """Run an MQTT broker; yield its port."""
    port = free_port()
    anonymous = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    listeners = {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}}
    file = tmp_path / "broker.yaml"
    file.write_text(json.dumps({"listeners": listeners, "plugins": anonymous}))
    async with running(port, "amqtt", "-c", str(file)):
        yield port


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate of `localhost`."""
    return localhost(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def mosquitto(
    tmp_path_factory: pytest.TempPathFactory, certificate: Certificate
) -> Iterator[Broker]:
    """Run an MQTT broker that knows version 5."""
    with brokers.mosquitto(tmp_path_factory.mktemp("mosquitto"), certificate) as running:
        yield running


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory, certificate: Certificate) -> Iterator[Broker]:
    """Run a Redis server."""
    with brokers.redis(tmp_path_factory.mktemp("redis"), certificate) as running:
        yield running


@pytest.fixture(scope="module")
def rabbitmq(
    tmp_path_factory: pytest.TempPathFactory, certificate: Certificate
) -> Iterator[Broker]:
    """Run a RabbitMQ node."""
    with brokers.rabbitmq(tmp_path_factory.mktemp("rabbitmq"), certificate) as running:
        yield running


@pytest.fixture(scope="module")
def jq() -> Iterator[JqPool]:
    """A worker for expressions."""
    pool = JqPool()
    yield pool
    pool.close()


@pytest.fixture
async def context(
    tmp_path: Path, jq: JqPool, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Context]:
    """A task's surroundings, with loopback allowed."""
    monkeypatch.setenv("TENDRIL_EGRESS_ALLOW", "127.0.0.0/8")
    async with surroundings(tmp_path) as given:
        yield replace(given, evaluate=jq.evaluate)
