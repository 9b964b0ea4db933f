"""Everything is killed and frozen at random; nothing may be lost or recorded twice."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.support.local_platform import LocalPlatform

TOOLS = Path(__file__).parent / "tools"
SEED = int(os.environ.get("TENDRIL_CHAOS_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
ENDED = {"completed", "faulted", "cancelled"}


def flow(url: str) -> str:
    calls = [
        f"  - t{i}: {{call: effect, with: {{url: '{url}', n: '${{ .n }}'}}}}"
        if i % 2
        else (
            f"  - t{i}: {{call: http, with: {{method: post, endpoint: '{url}', "
            "body: {n: '${ .n }'}}}"
        )
        for i in range(5)
    ]
    head = "document: {dsl: '1.0.3', namespace: default, name: chaos, version: '1.0.0'}\ndo:\n"
    return head + "\n".join(calls) + "\n"


@dataclass
class Counting:
    """The outside world: counts effects by idempotency key."""

    keys: Counter[str] = field(default_factory=Counter)
    url: str = ""

    async def take(self, request: web.Request) -> web.Response:
        self.keys[request.headers["Idempotency-Key"]] += 1
        body = await request.json()
        return web.json_response({"n": body["n"] + 1})


@pytest.fixture
async def counting() -> AsyncIterator[Counting]:
    """A server that counts."""
    made = Counting()
    app = web.Application()
    app.router.add_post("/", made.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    yield made
    await runner.cleanup()


class Monkey:
    """Kills and freezes whatever runs, until told to stop; counts what it did."""

    def __init__(self, platform: LocalPlatform, luck: random.Random) -> None:
        self._platform, self._luck = platform, luck
        self.deeds: Counter[str] = Counter()

    async def act(self) -> None:
        """Do one deed: mostly to a function, sometimes to broker and activator themselves."""
        await asyncio.sleep(self._luck.uniform(0.1, 0.8))
        victim = self._luck.choice(["runtime", "function", "function", "function"])
        freeze = self._luck.random() < 0.4
        if victim == "runtime":
            await self._runtime(freeze=freeze)
        else:
            await self._function(freeze=freeze)

    async def _runtime(self, *, freeze: bool) -> None:
        if freeze:
            self._platform.signal(signal.SIGSTOP)
            await asyncio.sleep(self._luck.uniform(0.2, 1.5))
            self._platform.signal(signal.SIGCONT)
        else:
            await self._platform.kill()
            await self._platform.start()
        self.deeds["runtime frozen" if freeze else "runtime killed"] += 1

    async def _function(self, *, freeze: bool) -> None:
        try:
            services = await self._platform.services()
        except (aiohttp.ClientError, TimeoutError):
            return
        running = sorted((name, s["pid"]) for name, s in services.items() if s["pid"])
        if not running:
            return
        name, pid = self._luck.choice(running)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP if freeze else signal.SIGKILL)
            if freeze:
                await asyncio.sleep(self._luck.uniform(0.2, 3.0))
                os.kill(pid, signal.SIGCONT)
            self.deeds[f"{name} {'frozen' if freeze else 'killed'}"] += 1


async def insist(call: Callable[[], Any]) -> Any:
    """Repeat a call until the platform answers it; a client does that, under one key."""
    while True:
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, AssertionError):
            status, answer = await call()
            if status < 300:
                return answer
        await asyncio.sleep(0.2)


async def chaos(platform: LocalPlatform, counting: Counting, runs: int, deeds: int) -> None:
    luck = random.Random(SEED)
    print(f"\nTENDRIL_CHAOS_SEED={SEED}")
    await platform.deploy(flow(counting.url))
    monkey = Monkey(platform, luck)

    async def one(number: int) -> str:
        await asyncio.sleep(number / runs * deeds * 0.6)
        headers = {"Idempotency-Key": f"run-{number}"}
        start = "/flows/default/chaos/runs"
        made = await insist(
            lambda: platform.api("POST", start, json={"n": number * 10}, headers=headers)
        )
        return str(made["id"])

    starting = [asyncio.create_task(one(number)) for number in range(runs)]
    while monkey.deeds.total() < deeds:
        await monkey.act()
    ids = await asyncio.gather(*starting)
    ended = [await finished(platform, run_id) for run_id in ids]
    print(dict(monkey.deeds))
    assert [run["output"] for run in ended] == [{"n": n * 10 + 5} for n in range(runs)]
    assert len(counting.keys) == runs * 5, "one idempotency key for each task"
    for run_id in ids:
        await recorded_once(platform, run_id)


async def finished(platform: LocalPlatform, run_id: str) -> dict[str, Any]:
    deadline = asyncio.get_running_loop().time() + 90
    while True:
        run: dict[str, Any] = await insist(lambda: platform.api("GET", f"/runs/{run_id}"))
        if run["status"] in ENDED:
            return run
        assert asyncio.get_running_loop().time() < deadline, run
        await asyncio.sleep(0.1)


async def recorded_once(platform: LocalPlatform, run_id: str) -> None:
    answer = await insist(lambda: platform.api("GET", f"/runs/{run_id}/history"))
    results = Counter(e["instance"] for e in answer["history"] if e["kind"] == "task.completed")
    assert len(results) == 5, answer
    assert set(results.values()) == {1}, answer


@pytest.fixture
def environment() -> dict[str, str]:
    """Short leases, so that what died is taken over soon, and deliveries out of order."""
    return {
        "TENDRIL_TOOLS": str(TOOLS),
        "TENDRIL_LEASE": "3",
        "TENDRIL_REQUEST_GRACE": "2",
        "TENDRIL_SWEEP_INTERVAL": "0.5",
        "TENDRIL_CLAIM_LIMIT": "30",
        "TENDRIL_DISORDER": f"seed={SEED},duplicate=0.2,delay=0.2:0.3,reorder=0.2",
    }


async def test_a_little_chaos(platform: LocalPlatform, counting: Counting) -> None:
    """30 runs through 8 kills and freezes end right: one result and one key for each task."""
    await chaos(platform, counting, runs=30, deeds=8)


@pytest.mark.slow
async def test_much_chaos(platform: LocalPlatform, counting: Counting) -> None:
    """200 runs through 30 kills and freezes end right: one result and one key for each task."""
    await chaos(platform, counting, runs=200, deeds=30)
