"""`tendril trace` and `explain` on a real platform: what led to what, what is missing, and why."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from tests.support.local_platform import LocalPlatform, until
from tests.support.serving import answering

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TREE = """
document: {dsl: '1.0.3', namespace: test, name: tree, version: '1.0.0'}
do:
  - look:
      try:
        - get: {call: ping, with: {n: '${ "x" }'}}
      catch:
        retry: {delay: {milliseconds: 50}, limit: {attempt: {count: 1}}}
        do: [{excuse: {set: {n: 1}}}]
  - both:
      fork:
        branches:
          - quick: {call: effect, with: {url: '%s', n: 1}}
          - slow: {do: [{nap: {wait: PT0.05S}}, {second: {call: pong, with: {n: 3}}}]}
  - tell: {emit: {event: {with: {source: https://x.example, type: com.example.told}}}}
  - last: {call: pong, with: {n: 5}}
"""
BROKEN = """
document: {dsl: '1.0.3', namespace: test, name: broken, version: '1.0.0'}
do:
  - sad: {call: effect, with: {url: 'http://127.0.0.1:1/', n: 1}}
"""
ORDER = """
document: {dsl: '1.0.3', namespace: test, name: order, version: '1.0.0'}
schedule: {on: {one: {with: {type: com.example.order, source: https://shop.example}}}}
do:
  - paid:
      listen:
        to:
          one:
            with: {type: com.example.paid}
            correlate: {order: {from: .data.id, expect: '${ .[0].data.id }'}}
"""


@pytest.fixture
async def used() -> AsyncIterator[str]:
    """A server whose answers say what they used."""

    async def answer(request: web.Request) -> web.Response:
        given = await request.json()
        return web.json_response({"n": given["n"] + 1, "usage": {"total_tokens": 35}})

    async with answering(answer) as url:
        yield f"{url}/"


@pytest.fixture
def environment(tools: str) -> dict[str, str]:
    """A platform on which a request is soon missed."""
    own = str(Path(__file__).parent / "tools")
    return {"TENDRIL_TOOLS": os.pathsep.join([tools, own]), "TENDRIL_REQUEST_GRACE": "0.5"}


async def trace_of(platform: LocalPlatform, run: str) -> dict[str, Any]:
    status, answer = await platform.api("GET", f"/runs/{run}/trace")
    assert status == 200, answer
    told: dict[str, Any] = answer
    return told


async def tendril(platform: LocalPlatform, *arguments: str) -> str:
    """Run the command line against the platform."""
    command = [sys.executable, "-m", "knative.cli.main", *arguments]
    environment = os.environ | {"TENDRIL_URL": platform.url}
    done = await asyncio.to_thread(
        subprocess.run, command, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


async def test_a_run_is_shown_as_its_causal_tree(platform: LocalPlatform, used: str) -> None:
    """Retries, branches, timers, the join and emitted events, with times apart and usage."""
    await platform.deploy(TREE % used)
    run = await platform.run("test/tree", {})
    assert run["status"] == "completed", run
    trace = await trace_of(platform, run["id"])
    shown = [(h["level"], h["kind"], h["task"].rpartition("/")[2]) for h in trace["hops"]]
    assert shown == [
        (0, "task", "get"),
        (0, "retry", "look"),
        (0, "timer", "look"),
        (0, "task", "get"),
        (1, "task", "quick"),
        (1, "timer", "nap"),
        (1, "task", "second"),
        (0, "join", "both"),
        (0, "emitted", "tell"),
        (0, "task", "last"),
    ]
    hops = {hop["instance"]: hop for hop in trace["hops"]}
    first, again = hops["/do/0/look/try/0/get#1"], hops["/do/0/look/try/0/get#2"]
    assert (first["state"], first["attempts"][0]["cold"]) == ("faulted", True)
    assert first["attempts"][0]["coldMs"] > 0
    assert str(again["cause"]).startswith("/do/0/look#1~pause")
    assert again["attempts"][0]["cold"] is False
    quick = next(hop for hop in trace["hops"] if hop["task"].endswith("/quick"))
    assert quick["attempts"][0]["usage"] == {"total_tokens": 35}
    assert trace["totals"]["usage"] == {"total_tokens": 35}
    assert all(hop["missing"] is None for hop in trace["hops"])
    told = await tendril(platform, "trace", run["id"])
    assert "│ 1. quick" in told
    assert "│ 2. second" in told
    assert "total tokens 35" in told


async def test_what_is_missing_is_told_with_its_reason(
    platform: LocalPlatform, tmp_path: Path
) -> None:
    """A tool that cannot start is named, with what its Trigger and its service say."""
    await platform.deploy(BROKEN)
    (tmp_path / "data" / "tools").mkdir(exist_ok=True)
    (tmp_path / "data" / "tools" / "effect").write_text("not a folder")  # so that it fails to start
    _, run = await platform.api("POST", "/flows/test/broken/runs", json={})

    async def missed() -> bool:
        [hop] = (await trace_of(platform, run["id"]))["hops"]
        return bool(hop["missing"])

    await until(missed, 20, "the request is missing")
    [hop] = (await trace_of(platform, run["id"]))["hops"]
    assert hop["missing"]["reason"] == "no effect of major version 1 has ever taken up a task"

    async def explained() -> bool:
        said = json.loads(await tendril(platform, "trace", run["id"], "--json"))
        reason = said["missing"]["/do/0/sad#1"]
        return "tool-effect-v1" in reason and "while starting" in reason

    await until(explained, 30, "the Trigger's last failure is told")


BOTH = """
document: {dsl: '1.0.3', namespace: test, name: both, version: '1.0.0'}
schedule:
  on:
    all:
      - with: {type: com.example.left}
        correlate: {order: {from: .data.id}}
      - with: {type: com.example.right}
        correlate: {order: {from: .data.id}}
do:
  - go: {set: {n: 1}}
"""


UNTIL = """
document: {dsl: '1.0.3', namespace: test, name: until, version: '1.0.0'}
schedule:
  on:
    any: [{with: {type: com.example.reading}}]
    until: {one: {with: {type: com.example.reported}}}
do:
  - go: {set: {n: 1}}
"""


async def test_an_event_is_explained_and_does_nothing(platform: LocalPlatform) -> None:
    """Which flows it would start or tell, which not, and by which attribute."""
    await platform.deploy(ORDER)
    await platform.deploy(BOTH)
    await platform.deploy(UNTIL)
    event = {"specversion": "1.0", "id": "1", "source": "https://else.example"}
    ordered = event | {"type": "com.example.order", "data": {"id": 7}}
    status, told = await platform.api("POST", "/explain", json=ordered)
    assert status == 200, told
    by_kind = {each["waits"]: each for each in told["flows"] if "order" in each["flow"]}
    assert (
        by_kind["start"]["reason"] == 'source is "https://else.example", not "https://shop.example"'
    )
    assert by_kind["listen"]["matches"] is False
    _, told = await platform.api(
        "POST", "/explain", json=event | {"type": "com.example.paid", "data": {"id": 7}}
    )
    best = told["flows"][0]
    assert (best["waits"], best["matches"], best["correlation"]) == ("listen", True, {"order": "7"})
    _, told = await platform.api("POST", "/explain", json=event | {"type": "com.example.paid"})
    assert told["flows"][0]["reason"] is not None
    left = event | {"type": "com.example.left", "data": {"id": 7}}
    first = (await platform.api("POST", "/explain", json=left))[1]["flows"][0]
    assert (first["matches"], first["together"]) == (True, 2)
    assert first["correlation"] == {"order": "7"}
    _, told = await platform.api("POST", "/explain", json=left | {"data": {}})
    reasons = [
        each["reason"] for each in told["flows"] if each["filter"]["with"] == {"type": left["type"]}
    ]
    assert reasons == ["a correlation key has no value in it, or not the expected one"]
    for kind, waits in (("reading", "gather"), ("reported", "until")):
        asked = event | {"type": f"com.example.{kind}"}
        first = (await platform.api("POST", "/explain", json=asked))[1]["flows"][0]
        assert (first["matches"], first["waits"], first["together"]) == (True, waits, 1)
    said = await tendril(platform, "explain", "--type", "com.example.reported")
    assert "ends a gathering of test/until:1.0.0" in said
    _, told = await platform.api("POST", "/explain", json=event | {"type": "dev.tendril.x"})
    assert told["ignored"]
    status, problem = await platform.api("POST", "/explain", json={"type": "a"})
    assert (status, problem["title"]) == (400, "Not a CloudEvent")
    said = await tendril(platform, "explain", json.dumps(ordered))
    assert "Trigger default/door" in said
    assert 'source is "https://else.example"' in said
    _, runs = await platform.api("GET", "/runs")
    assert runs["runs"] == []
    assert (await platform.api("GET", "/unmatched"))[1] == {"unmatched": []}
