"""Cold starts, and what the platform weighs when nothing happens."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import statistics
import time
from typing import TYPE_CHECKING, Any

import psutil
from local import pss_mb

if TYPE_CHECKING:
    from local import Platform


async def cold_start_ms(platform: Platform, times: int = 15) -> float:
    """Return the median time from no process to a tool's first answer, in ms."""
    spent = []
    for _ in range(times):
        await _make_cold(platform, "ping")
        started = time.perf_counter()
        async with platform.session.get(f"{platform.url}/services/ping/health/ready") as response:
            response.raise_for_status()
        spent.append((time.perf_counter() - started) * 1000)
    return statistics.median(spent)


async def memory(platform: Platform) -> dict[str, float]:
    """Return the PSS of the idle platform and of a warm tool with its helpers, in MB."""
    await _make_cold(platform, "ping")
    await _make_cold(platform, "pong")
    root = psutil.Process(platform.pid)
    everything = [platform.pid, *(child.pid for child in root.children(recursive=True))]
    idle = pss_mb(everything)
    await platform.run("bench/chain", {"n": 0})
    pid = (await _service(platform, "ping"))["pid"]
    tool = [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    return {"idle": idle, "tool": pss_mb(tool)}


async def _service(platform: Platform, name: str) -> dict[str, Any]:
    async with platform.session.get(f"{platform.url}/services") as response:
        services = (await response.json())["services"]
    found: dict[str, Any] = next(each for each in services if each["name"] == name)
    return found


async def _make_cold(platform: Platform, name: str) -> None:
    service = await _service(platform, name)
    if service["pid"]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(service["pid"], signal.SIGKILL)
    while (await _service(platform, name))["pid"]:
        await asyncio.sleep(0.02)
