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

from tests.support.local_platform import ENDED
from tests.support.serving import answering

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.support.local_platform import LocalPlatform

TOOLS = Path(__file__).parent / "tools"
SEED = int(os.environ.get("TENDRIL_CHAOS_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
KINDS = [(who, deed) for who in ("runtime", "function") for deed in ("kill", "freeze")]


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
    async with answering(made.take) as url:
        made.url = f"{url}/"
        yield made


class Monkey:
    """Kills and freezes whatever runs, until told to stop; counts what it did."""

    def __init__(self, platform: LocalPlatform, luck: random.Random) -> None:
        self._platform, self._luck = platform, luck
        self._first = luck.sample(KINDS, len(KINDS))
        self.deeds: Counter[tuple[str, str]] = Counter()
        """How often each kind of deed was done."""
        self.victims: Counter[str] = Counter()

    async def act(self) -> None:
        """Do one deed: first each kind once, then mostly one to a function."""
        await asyncio.sleep(self._luck.uniform(0.1, 0.8))
        kind = self._first[0] if self._first else self._any()
        who, deed = kind
        victim = await (self._runtime(deed) if who == "runtime" else self._function(deed))
        if victim:
            self.deeds[kind] += 1
            self.victims[f"{victim} {deed}"] += 1
            self._first = self._first[1:]

    def _any(self) -> tuple[str, str]:
        who = self._luck.choice(["runtime", "function", "function", "function"])
        return who, "freeze" if self._luck.random() < 0.4 else "kill"

    async def _runtime(self, deed: str) -> str:
        if deed == "freeze":
            self._platform.signal(signal.SIGSTOP)
            await asyncio.sleep(self._luck.uniform(0.2, 1.5))
            self._platform.signal(signal.SIGCONT)
        else:
            await self._platform.kill()
            await self._platform.start()
        return "runtime"

    async def _function(self, deed: str) -> str | None:
        """Do it to one that runs; None when there was none any more."""
        try:
            services = await self._platform.services()
        except (aiohttp.ClientError, TimeoutError):
            return None
        running = sorted((name, s["pid"]) for name, s in services.items() if s["pid"])
        if not running:
            return None
        name, pid = self._luck.choice(running)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP if deed == "freeze" else signal.SIGKILL)
            if deed == "freeze":
                await asyncio.sleep(self._luck.uniform(0.2, 3.0))
                os.kill(pid, signal.SIGCONT)
            return name
        return None


async def insist(call: Callable[[], Any]) -> Any:
    """Repeat a call until the platform answers it; a client does that, under one key."""
    while True:
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, AssertionError):
            status, answer = await call()
            if status < 300:
                return answer
        await asyncio.sleep(0.2)


async def chaos(
    platform: LocalPlatform, counting: Counting, runs: int, deeds: int, minutes: float
) -> None:
    """Start runs among deeds, and see every one of them end right within `minutes`."""
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

    async with asyncio.timeout(minutes * 60):
        async with asyncio.TaskGroup() as group:
            starting = [group.create_task(one(number)) for number in range(runs)]
            while monkey.deeds.total() < deeds:
                await monkey.act()
        ids = [started.result() for started in starting]
        ended = [await finished(platform, run_id) for run_id in ids]
        print(dict(monkey.victims))
        assert monkey.deeds.keys() == set(KINDS)
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
    await chaos(platform, counting, runs=30, deeds=8, minutes=4)


@pytest.mark.slow
async def test_much_chaos(platform: LocalPlatform, counting: Counting) -> None:
    """200 runs through 30 kills and freezes end right: one result and one key for each task."""
    await chaos(platform, counting, runs=200, deeds=30, minutes=10)
