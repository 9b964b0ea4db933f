"""Ten thousand malformed events against the running broker, over real HTTP."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
from multidict import CIMultiDict

if TYPE_CHECKING:
    from collections.abc import Iterable

COUNT = 10_000
SEED = int(os.environ.get("TENDRIL_TEST_SEED", "20260102"))
CLIENTS = 8

Request = tuple[dict[str, str], bytes, str]


def generator() -> Any:
    """Return the module that makes the requests."""
    spec = importlib.util.spec_from_file_location(
        "malformed", Path(__file__).parents[1] / "malformed.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def fault(http: aiohttp.ClientSession, url: str, request: Request) -> str | None:
    """Send one request; return what is wrong with the answer, None where nothing is."""
    headers, body, why = request
    # in one spelling, or the client would send only the last of two
    every = CIMultiDict((name.lower(), value) for name, value in headers.items())
    async with http.post(url, headers=every, data=body) as response:
        text = await response.read()
        if not 400 <= response.status < 500:
            return f"{why}: {response.status}"
        if response.content_type != "application/problem+json":
            return f"{why}: {response.content_type}"
        problem = json.loads(text)
        complete = (
            problem["status"] == response.status and problem["attribute"] and problem["detail"]
        )
        return None if complete else f"{why}: {problem}"


async def client(url: str, requests: Iterable[Request]) -> list[str]:
    """Send requests one after the other; return what was wrong."""
    silent = ["Content-Type"]
    async with aiohttp.ClientSession(skip_auto_headers=silent) as http:
        faults = [await fault(http, url, request) for request in requests]
    return [each for each in faults if each]


async def test_malformed_events(link: Any) -> None:
    """Each is answered with a 4xx problem that names the attribute; none is ever stored."""
    requests = list(generator().requests(SEED, COUNT))
    url = f"http://127.0.0.1:{link.port}/default/default"
    parts = [requests[start::CLIENTS] for start in range(CLIENTS)]
    faults = await asyncio.gather(*(client(url, part) for part in parts))
    assert sum(faults, []) == [], f"seed {SEED}"  # noqa: RUF017 - eight short lists
    stats = link.broker.stats()
    assert (stats.accepted, stats.stored, stats.unmatched, link.received) == (0, 0, 0, [])
