"""SIGKILL at any moment: what was answered with 202 is delivered by the next process."""

from __future__ import annotations

import asyncio
import random
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp import web

from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

PROCESS = Path(__file__).with_name("process.py")


class Victim:
    """A broker process that is killed and started again, and the subscriber that stays."""

    def __init__(self, folder: Path) -> None:
        self.store = folder / "broker.db"
        self.port, self.subscriber_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}/default/default"
        self.client = aiohttp.ClientSession()
        self.received: Counter[str] = Counter()
        self.accepted: set[str] = set()
        self._process: asyncio.subprocess.Process | None = None
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Start the process and wait until it answers."""
        arguments = [str(self.port), str(self.store), f"http://127.0.0.1:{self.subscriber_port}/"]
        self._process = await asyncio.create_subprocess_exec(sys.executable, PROCESS, *arguments)
        while not await self._answers():
            assert self._process.returncode is None, "the broker process did not start"
            await asyncio.sleep(0.02)

    async def kill(self) -> None:
        """Kill the process without warning."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def subscribe(self) -> None:
        """Open the subscriber."""
        app = web.Application()
        app.router.add_post("/", self._receive)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.subscriber_port).start()

    async def send(self, name: str) -> None:
        """Send one event; remember it if the answer is 202, whatever else happens."""
        headers = {"ce-specversion": "1.0", "ce-id": name, "ce-source": "/", "ce-type": "a"}
        try:
            async with self.client.post(self.url, headers=headers) as response:
                if response.status == 202:
                    self.accepted.add(name)
        except aiohttp.ClientError:
            pass

    async def close(self) -> None:
        """End everything."""
        await self.kill()
        await self.client.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answers(self) -> bool:
        try:
            async with self.client.options(self.url) as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False

    async def _receive(self, request: web.Request) -> web.Response:
        self.received[request.headers["ce-id"]] += 1
        return web.Response(status=202)


@pytest.fixture
async def victim(tmp_path: Path) -> AsyncIterator[Victim]:
    """A broker process to kill; not started yet."""
    made = Victim(tmp_path)
    yield made
    await made.close()


async def test_killed_between_202_and_delivery(
    victim: Victim, eventually: Callable[..., Awaitable[None]]
) -> None:
    """Accepted while the subscriber was down, delivered by the next process."""
    await victim.start()
    await asyncio.gather(*(victim.send(str(n)) for n in range(20)))
    await victim.kill()
    assert len(victim.accepted) == 20
    assert not victim.received
    await victim.subscribe()
    await victim.start()
    await eventually(lambda: set(victim.received) == victim.accepted, 30)


async def test_killed_at_random_moments(
    victim: Victim, eventually: Callable[..., Awaitable[None]]
) -> None:
    """Killed again and again under load, the broker loses nothing that it accepted."""
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    await victim.subscribe()
    for turn in range(5):
        await victim.start()
        sending = [asyncio.create_task(victim.send(f"{turn}.{n}")) for n in range(200)]
        await asyncio.sleep(chance.uniform(0.01, 0.3))
        await victim.kill()
        await asyncio.gather(*sending)
    await victim.start()
    await eventually(lambda: victim.accepted <= set(victim.received), 30)
    assert victim.accepted
