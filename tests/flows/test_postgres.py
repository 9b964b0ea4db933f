"""The whole platform on PostgreSQL: its server may go away and come back amid the runs."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.local_platform import until
from tests.support.postgres import Postgres

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.local_platform import LocalPlatform

SLOW = """
document: {dsl: '1.0.3', namespace: test, name: slow, version: '1.0.0'}
do:
  - a: {call: ping, with: {n: '${ .n }'}}
  - pause: {wait: {milliseconds: 400}}
  - b: {call: ping, with: {n: '${ .n }'}}
  - again: {wait: {milliseconds: 400}}
  - c: {call: ping, with: {n: '${ .n }'}}
"""
RUNS = 20


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    """A running server."""
    server = Postgres()
    server.start()
    yield server
    server.close()


@pytest.fixture
def environment(tools: str, postgres: Postgres) -> dict[str, str]:
    """The ledger on the server, and leases that end soon when the server takes them along."""
    return {
        "TENDRIL_TOOLS": tools,
        "TENDRIL_LEDGER": postgres.database(),
        "TENDRIL_LEASE": "3",
        "TENDRIL_REQUEST_GRACE": "1",
        "TENDRIL_SWEEP_INTERVAL": "0.3",
        "TENDRIL_CLAIM_LIMIT": "30",
        "TENDRIL_REQUEST_LIMIT": "30",
    }


async def ended(platform: LocalPlatform, run_id: str) -> bool:
    status, answer = await platform.api("GET", f"/runs/{run_id}")
    return status == 200 and answer["status"] not in {"running", "waiting"}


async def completed(platform: LocalPlatform, number: int, run_id: str) -> None:
    """The run ended right, and every task's result was recorded once."""
    await until(lambda: ended(platform, run_id), 60, f"run {run_id} ended")
    _, run = await platform.api("GET", f"/runs/{run_id}")
    assert (run["status"], run["output"]) == ("completed", {"n": number + 3}), run
    _, answer = await platform.api("GET", f"/runs/{run_id}/history")
    results = Counter(e["instance"] for e in answer["history"] if e["kind"] == "task.completed")
    assert set(results.values()) == {1}, answer


async def test_runs_complete_through_restarts_of_the_server(
    platform: LocalPlatform, postgres: Postgres
) -> None:
    """The server crashes twice amid 20 runs: each completes, no result is recorded twice."""
    await platform.deploy(SLOW)
    assert (await platform.run("test/slow", {"n": 0}))["output"] == {"n": 3}
    runs: list[dict[str, Any]] = [
        await platform.run("test/slow", {"n": number}, wait=0) for number in range(RUNS)
    ]
    for away in (0.3, 3.0):
        assert not await ended(platform, runs[-1]["id"])
        postgres.crash()
        await asyncio.sleep(away)
        postgres.start()
        await until(lambda: answers(platform), 15, "the platform answers again")
    for number, run in enumerate(runs):
        await completed(platform, number, run["id"])


async def answers(platform: LocalPlatform) -> bool:
    status, _ = await platform.api("GET", "/runs")
    return status == 200


async def test_a_server_that_is_away_is_named(platform: LocalPlatform, postgres: Postgres) -> None:
    """Meanwhile the API says 503, where the server should be and what to do; then it works."""
    await platform.deploy(SLOW)
    postgres.crash()
    status, problem = await platform.api("POST", "/flows/test%2Fslow/runs", json={"n": 1})
    assert status == 503, problem
    assert f"127.0.0.1:{postgres.port}" in problem["detail"]
    assert "start PostgreSQL there" in problem["detail"]
    postgres.start()
    await until(lambda: answers(platform), 15, "the platform answers again")
    assert (await platform.run("test/slow", {"n": 1}))["output"] == {"n": 4}
