"""Statuses and Locations of the flow service's API, through the platform's one port."""

from __future__ import annotations

import json
import os
import signal
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import pytest
import yaml

if TYPE_CHECKING:
    from tests.support.local_platform import LocalPlatform

ONE = """
document: {dsl: '1.0.3', namespace: test, name: one, version: '1.0.0', title: One}
do:
  - a: {call: ping, with: {n: '${ .n }'}}
"""


@pytest.fixture
def environment(tools: str) -> dict[str, str]:
    """The trivial tools."""
    return {"TENDRIL_TOOLS": tools}


async def post(
    platform: LocalPlatform, path: str, body: bytes, **headers: str
) -> tuple[int, str, Any]:
    """Post to the API; return status, JSON and the absolute URL that Location names."""
    url = f"{platform.url}/services/flow{path}"
    async with platform.session.post(url, data=body, headers=headers) as response:
        return response.status, urljoin(url, response.headers["Location"]), await response.json()


async def get(platform: LocalPlatform, url: str) -> Any:
    """Get a URL that must be there."""
    async with platform.session.get(url) as response:
        assert response.status == 200, url
        return await response.json()


async def test_a_flow_is_deployed_and_found_by_its_location(platform: LocalPlatform) -> None:
    """201 for a new version, 200 for the same one, as YAML or as JSON; Location shows it."""
    status, location, made = await post(platform, "/flows", ONE.encode())
    assert (status, made["version"], made["title"]) == (201, "1.0.0", "One")
    kind = {"Content-Type": "application/json"}
    same = json.dumps(yaml.safe_load(ONE)).encode()
    assert await post(platform, "/flows", same, **kind) == (200, location, made)
    other = same.replace(b"1.0.0", b"1.1.0")
    status, newer, _ = await post(platform, "/flows", other, **kind)
    assert (status, newer != location) == (201, True)
    shown = await get(platform, location)
    assert {name: shown[name] for name in made} == made
    assert (shown["source"], shown["definition"]) == (ONE, yaml.safe_load(ONE))


async def test_a_run_is_started_and_found_by_its_location(platform: LocalPlatform) -> None:
    """202 with Location at once; a wait that ends is 200 with the result, one that does not 202."""
    await platform.deploy(ONE)
    path, body = "/flows/test/one/runs", b'{"n": 1}'
    before = datetime.now().astimezone()
    status, location, run = await post(platform, path, body, Prefer="wait=30")
    assert (status, run["status"], run["output"]) == (200, "completed", {"n": 2})
    assert (run["flow"], run["input"], run["error"]) == ("test/one:1.0.0", {"n": 1}, None)
    started, ended = (datetime.fromisoformat(run[name]) for name in ("startedAt", "endedAt"))
    assert before.replace(microsecond=0) <= started <= ended <= datetime.now().astimezone()
    shown = await get(platform, location)
    assert shown | run == shown
    tool = (await platform.services())["ping"]["pid"]
    os.kill(tool, signal.SIGSTOP)  # what is started now does not end
    try:
        for wait in ({}, {"Prefer": "respond-async"}, {"Prefer": "wait=1"}):
            status, location, run = await post(platform, path, body, **wait)
            assert (status, run["status"], run["output"]) == (202, "running", None)
            assert (run["flow"], run["endedAt"]) == ("test/one:1.0.0", None)
            shown = await get(platform, location)
            assert shown | run == shown
    finally:
        os.kill(tool, signal.SIGCONT)
    headers = {"Idempotency-Key": "k", "Prefer": "wait=30"}
    first = await post(platform, path, body, **headers)
    assert await post(platform, path, body, **headers) == first
    assert first[0] == 200
