"""Cold starts, and what the platform weighs when nothing happens."""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import TYPE_CHECKING, Any

import psutil

from benchmarks.local import pss_mb

if TYPE_CHECKING:
    from benchmarks.local import Platform


FAST_TO_ZERO = {"TENDRIL_SCALE_WINDOW": "0.2", "TENDRIL_SCALE_GRACE": "0"}
"""Settings of a platform whose tools leave soon after their last request."""


async def cold_start_ms(platform: Platform, times: int = 15) -> float:
    """Return the median time from no process to a tool's first answer, in ms."""
    spent = []
    for _ in range(times):
        await _cold(platform, "ping")
        started = time.perf_counter()
        async with platform.session.get(f"{platform.url}/services/ping/health/ready") as response:
            response.raise_for_status()
        spent.append((time.perf_counter() - started) * 1000)
    return statistics.median(spent)


async def idle_mb(platform: Platform) -> float:
    """Return the PSS of a platform that has nothing to do, all its processes together, in MB."""
    root = psutil.Process(platform.pid)
    return pss_mb([platform.pid, *(child.pid for child in root.children(recursive=True))])


async def warm_tool_mb(platform: Platform) -> float:
    """Return the PSS of a tool that has just worked, with its expression worker, in MB."""
    await platform.run("bench/chain", {"n": 0})
    pid = (await _service(platform, "ping"))["pid"]
    return pss_mb([pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))])


async def _service(platform: Platform, name: str) -> dict[str, Any]:
    async with platform.session.get(f"{platform.url}/services") as response:
        services = (await response.json())["services"]
    found: dict[str, Any] = next(each for each in services if each["name"] == name)
    return found


async def _cold(platform: Platform, name: str) -> None:
    while (await _service(platform, name))["state"] != "cold":
        await asyncio.sleep(0.02)
