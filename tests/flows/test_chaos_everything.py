"""Every task type while everything that can go wrong does, on both ledgers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from tests.support.confinement import confined
from tests.support.deeds import Deeds
from tests.support.everything import expected, flows, told
from tests.support.local_platform import ENDED
from tests.support.postgres import Postgres
from tests.support.world import World, a_world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from tests.support.local_platform import LocalPlatform

TESTS = Path(__file__).parents[1]
SEED = int(os.environ.get("TENDRIL_CHAOS_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
LEASE = 3.0
RUNS = 40
FAULTY = 6
ROUNDS = 2
"""How often each deed is done."""
SPREAD = 60.0
"""Seconds within which the runs are started: some begin amid every deed."""
MINUTES = 12
"""How long it may take where others use the machine too; alone it takes two or three."""


@pytest.fixture(params=["sqlite", "postgresql"])
def postgres(request: pytest.FixtureRequest) -> Iterator[Postgres | None]:
    """The ledger's server, None on SQLite."""
    if request.param == "sqlite":
        yield None
        return
    server = Postgres()
    server.start()
    yield server
    server.close()


@pytest.fixture
def clock(tmp_path: Path) -> Path:
    """The file that says how far off the platform's clock is."""
    return tmp_path / "clock"


@pytest.fixture
def environment(postgres: Postgres | None, clock: Path) -> dict[str, str]:
    """Short leases, a clock that can be set, and a broker that does all that brokers must not."""
    disorder = f"seed={SEED},duplicate=0.1,delay=0.2:0.3,reorder=0.2,lose=0.03"
    settings = {
        "PYTHONPATH": str(TESTS / "support" / "clocks"),
        "TENDRIL_TEST_CLOCK": str(clock),
        "TENDRIL_TOOLS": str(TESTS / "flows" / "tools"),
        "TENDRIL_SCRIPT_ALLOW": "true",
        "TENDRIL_SHELL_ALLOW": "true",
        "TENDRIL_LEASE": str(LEASE),
        "TENDRIL_REQUEST_GRACE": "2",
        "TENDRIL_SWEEP_INTERVAL": "0.5",
        "TENDRIL_CLAIM_LIMIT": "60",
        "TENDRIL_REQUEST_LIMIT": "60",
        "TENDRIL_DISORDER": disorder,
    }
    return settings | ({"TENDRIL_LEDGER": postgres.database()} if postgres else {})


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """What the flows call."""
    async with a_world() as made:
        yield made


async def insist(call: Callable[[], Awaitable[tuple[int, Any]]]) -> Any:
    """Repeat a call until the platform answers it, as a client does, under one key."""
    while True:
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, ValueError):
            status, answer = await call()
            if status < 300:
                return answer
        await asyncio.sleep(0.2)


class Clients:
    """Those outside: they start runs, tell them of events until they end, and look at them."""

    def __init__(self, platform: LocalPlatform) -> None:
        self._platform = platform

    async def start(self, name: str, n: int) -> str:
        path, headers = f"/flows/chaos/{name}/runs", {"Idempotency-Key": f"{name}-{n}"}
        run = await insist(lambda: self._platform.api("POST", path, json={"n": n}, headers=headers))
        return str(run["id"])

    async def get(self, path: str) -> Any:
        return await insist(lambda: self._platform.api("GET", path))

    async def ended(self, run_id: str) -> dict[str, Any]:
        while True:
            run: dict[str, Any] = await self.get(f"/runs/{run_id}")
            if run["status"] in ENDED:
                return run
            await asyncio.sleep(0.3)

    async def heard(self, run_id: str, n: int) -> dict[str, Any]:
        """Tell a run of its event, again and again as it may be lost, until the run has ended."""
        ending = asyncio.create_task(self.ended(run_id))
        while not ending.done():
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                await self._platform.publish(told(n))
            await asyncio.wait({ending}, timeout=2)
        return ending.result()

    async def history(self, run_id: str) -> list[dict[str, Any]]:
        answer = await self.get(f"/runs/{run_id}/history?limit=100000")
        entries: list[dict[str, Any]] = answer["history"]
        return entries


@pytest.mark.slow
async def test_everything_through_everything(
    platform: LocalPlatform, world: World, clock: Path, postgres: Postgres | None
) -> None:
    """Each run ends as one plain reading of its flow says, its results and events taken once.

    No row stays open, children know their parents, an effect comes twice only where a task was
    claimed twice, and the dead letters are those of the runs that fault.
    """
    print(f"\nTENDRIL_CHAOS_SEED={SEED}")
    luck, programs = random.Random(SEED), confined()
    deeds = Deeds(platform, clock, luck, LEASE, postgres)
    for text in flows(world, programs=programs):
        await platform.deploy(text)
    clients = Clients(platform)

    async def one(n: int) -> dict[str, Any]:
        await asyncio.sleep(luck.uniform(0, SPREAD))
        return await clients.heard(await clients.start("everything", n), n)

    async def faulty(n: int) -> dict[str, Any]:
        await asyncio.sleep(luck.uniform(0, SPREAD))
        return await clients.ended(await clients.start("faulty", n))

    async with asyncio.timeout(MINUTES * 60), asyncio.TaskGroup() as group:
        whole = [group.create_task(one(n)) for n in range(RUNS)]
        broken = [group.create_task(faulty(n)) for n in range(FAULTY)]
        for kind in luck.sample(deeds.kinds * ROUNDS, len(deeds.kinds) * ROUNDS):
            await asyncio.sleep(luck.uniform(0.3, 1.5))
            print(kind, flush=True)
            await deeds.do(kind)
    runs = [task.result() for task in whole]
    assert [run["output"] or run["error"] for run in runs] == [
        expected(n, programs=programs) for n in range(RUNS)
    ]
    faults = [task.result() for task in broken]
    assert {(run["status"], run["error"]["status"]) for run in faults} == {("faulted", 418)}
    async with asyncio.timeout(MINUTES * 60):
        for n, run in enumerate(runs):
            claims = await settled(clients, run)
            came = {name: count for (of, name), count in world.effects.items() if of == n}
            came["flaky"] -= 1  # which wants to be called twice
            came["leaf"] -= 1  # there are two of it
            # a claim is not synced on PostgreSQL: the server's crash may take its line along
            assert postgres or sum(came.values()) - len(came) <= claims.total(), (came, claims)
        await explained(clients, {run["id"] for run in faults})
        await started_once(clients)


async def settled(clients: Clients, run: dict[str, Any]) -> Counter[str]:
    """Check one run and its children; return how many claims there were beyond one a task."""
    entries = await clients.history(run["id"])
    once(entries)
    assert Counter(entry["kind"] for entry in entries)["event.heard"] == 1, entries
    shown = await clients.get(f"/runs/{run['id']}")
    assert shown["open"] == []
    assert sorted(child["awaited"] for child in shown["children"]) == [False, True], shown
    claims = again(entries)
    for child in shown["children"]:
        kin = await clients.ended(child["run"])
        assert (kin["status"], kin["parent"]["run"]) == ("completed", run["id"]), kin
        assert kin["open"] == []
        entries = await clients.history(kin["id"])
        once(entries)
        claims += again(entries)
    return claims


def once(entries: list[dict[str, Any]]) -> None:
    """Check that no task's result was recorded twice."""
    results = Counter(entry["instance"] for entry in entries if entry["kind"] == "task.completed")
    assert set(results.values()) == {1}, entries
    assert sum(entry["kind"] == "run.completed" for entry in entries) == 1


def again(entries: list[dict[str, Any]]) -> Counter[str]:
    """Return how many claims there were beyond the first of each task."""
    claims = Counter(entry["instance"] for entry in entries if entry["kind"] == "task.claimed")
    return claims - Counter(dict.fromkeys(claims, 1))


async def explained(clients: Clients, faulted: set[str]) -> None:
    """Check that there is a dead letter for each run that faulted, and none beside."""
    while True:  # they come with their runs, and their lists a moment later
        answer = await clients.get("/deadletters?status=open&limit=1000")
        if faulted <= {letter["run"] for letter in answer["deadletters"]}:
            break
        await asyncio.sleep(0.5)
    assert {letter["run"] for letter in answer["deadletters"]} == faulted, answer


async def started_once(clients: Clients) -> None:
    """Check that an event started one run at most, alone or together with others.

    And that every run ends that the platform began.
    """
    answer = await clients.get("/runs?flow=chaos/heard&limit=1000")
    outputs = [(await clients.ended(run["id"]))["output"]["n"] for run in answer["runs"]]
    assert len(outputs) == len(set(outputs)), outputs
    answer = await clients.get("/runs?flow=chaos/gathered&limit=1000")
    sets = [(await clients.ended(run["id"]))["output"]["all"] for run in answer["runs"]]
    assert {len(each) for each in sets} == {3}, sets
    assert len({n for each in sets for n in each}) == 3 * len(sets), sets
    answer = await clients.get("/runs?flow=chaos/beat&limit=1000")
    ends = [await clients.ended(run["id"]) for run in answer["runs"]]
    assert ends
    assert {run["status"] for run in ends} == {"completed"}
