"""What this machine can do at best, measured in the same run as everything else."""

from __future__ import annotations

import sqlite3
import statistics
import time
from typing import TYPE_CHECKING

import aiohttp
from cloudevents.core.bindings.http import HTTPMessage, from_binary_event

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_HEADERS = {
    "ce-specversion": "1.0", "ce-id": "a" * 32, "ce-source": "/flows/default/bench",
    "ce-type": "dev.tendril.task.requested.v1", "ce-subject": "/do/0/a#1", "ce-tool": "ping",
    "ce-major": "1", "ce-runid": "b" * 32, "content-type": "application/json",
}  # fmt: skip


def median_ms(action: Callable[[], object], times: int) -> float:
    """Return the median duration of `action` in milliseconds."""
    spent = []
    for _ in range(times):
        started = time.perf_counter()
        action()
        spent.append((time.perf_counter() - started) * 1000)
    return statistics.median(spent)


def sqlite_commit_ms(folder: Path) -> float:
    """One synced SQLite commit of one small row."""
    connection = sqlite3.connect(folder / "limit.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE t (a TEXT)")
    spent = median_ms(lambda: connection.execute("INSERT INTO t VALUES ('x')"), 500)
    connection.close()
    return spent


def sdk_parse_ms() -> float:
    """The CloudEvents SDK parsing one binary event of nine attributes."""
    message = HTTPMessage(headers=_HEADERS, body=b'{"n":1}')
    return median_ms(lambda: from_binary_event(message), 2000)


async def http_call_ms(url: str, times: int = 500) -> float:
    """One warm aiohttp GET of `url`, one after the other."""
    spent = []
    async with aiohttp.ClientSession() as session:
        for _ in range(times):
            started = time.perf_counter()
            async with session.get(url) as response:
                await response.read()
            spent.append((time.perf_counter() - started) * 1000)
    return statistics.median(spent)
