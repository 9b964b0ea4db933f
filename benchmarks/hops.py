"""Hops: what one costs from a warm tool to the next, and how many flows go through a second."""

from __future__ import annotations

import asyncio
import statistics
import time
from datetime import datetime
from typing import TYPE_CHECKING

from benchmarks.flows import chain

if TYPE_CHECKING:
    from benchmarks.local import Platform

CHAIN = 20


async def hop_ms(platform: Platform, runs: int = 40) -> tuple[float, float]:
    """Return the median and 95th percentile of one hop, in ms, one run at a time.

    A hop is everything from one trivial task's claim to the next one's: handler, outcome,
    advance, transition, reply, broker, delivery. Outcomes, transitions and events are synced;
    claims are not, and a reply is dispatched beside its commit.
    """
    await platform.api("POST", "/flows", data=chain("chain", CHAIN))
    await platform.run("bench/chain", {"n": 0})
    hops: list[float] = []
    for _ in range(runs):
        run = await platform.run("bench/chain", {"n": 0})
        assert run["output"] == {"n": CHAIN}, run
        history = await platform.api("GET", f"/runs/{run['id']}/history")
        claims = [
            datetime.fromisoformat(entry["at"]).timestamp() * 1000
            for entry in history["history"]
            if entry["kind"] == "task.claimed"
        ]
        hops.append((claims[-1] - claims[0]) / (len(claims) - 1))
    return statistics.median(hops), sorted(hops)[int(len(hops) * 0.95) - 1]


async def flow_ms(platform: Platform, runs: int = 60) -> float:
    """Return the median time of one 3-task flow, from its POST to its result."""
    await platform.api("POST", "/flows", data=chain("three", 3))
    spent = []
    for _ in range(runs):
        started = time.perf_counter()
        await platform.run("bench/three", {"n": 0})
        spent.append((time.perf_counter() - started) * 1000)
    return statistics.median(spent)


async def flows_per_second(platform: Platform, total: int = 2000, in_flight: int = 64) -> float:
    """Return completed 3-task flows a second with `in_flight` of them at any time."""
    await platform.api("POST", "/flows", data=chain("three", 3))
    left = iter(range(total))

    async def worker() -> None:
        for _ in left:
            run = await platform.run("bench/three", {"n": 0})
            assert run["status"] == "completed", run

    started = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(in_flight)))
    return total / (time.perf_counter() - started)
