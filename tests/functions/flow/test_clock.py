"""What the clock does with overdue rows, on a real ledger."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from events.envelope import parse
from events.vocabulary import read_hop
from functions.flow.clock import Clock
from functions.flow.deploy import deploy
from functions.flow.starting import start
from functions.host.assembly import Platform, opened
from functions.host.hop_events import hop_event
from functions.host.settings import Settings
from tests.support.serving import answering

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from events.envelope import Event
    from functions.host.ledger.rows.task import Work

TOOLS = Path(__file__).resolve().parents[3] / "benchmarks" / "tools"
TWO = """
document: {dsl: '1.0.3', namespace: test, name: two, version: '1.0.0'}
do:
  - a: {call: ping, with: {n: 1}}
  - b: {call: ping, with: {n: 2}}
"""
LARGE = {"text": "x" * 100_000}


@pytest.fixture
async def sunk(tmp_path: Path) -> AsyncIterator[tuple[Settings, list[Event]]]:
    """A broker's door that keeps what it is given, and the settings that lead to it."""
    events: list[Event] = []

    async def take(request: web.Request) -> web.Response:
        events.append(parse(list(request.headers.items()), await request.read()))
        return web.Response(status=202)

    async with answering(take) as url:
        yield Settings(data=tmp_path, tools=str(TOOLS), K_SINK=f"{url}/"), events


async def started(platform: Platform, key: str, value: object) -> Work:
    """Start a run and return what it asks for first."""
    flow, _ = await deploy(platform, TWO)
    _, work = await start(platform, flow, value, door="api", source="/api", key=key, trace="")
    return work.requests[0]


@pytest.mark.parametrize("spoil", ["altered", "out"])
async def test_a_run_that_cannot_go_on_stops_no_other(
    sunk: tuple[Settings, list[Event]], caplog: pytest.LogCaptureFixture, spoil: str
) -> None:
    """Rows due after it are woken: one whose values were altered faults, in an outage it waits."""
    settings, events = sunk
    async with opened(settings) as platform:
        broken = await started(platform, "broken", LARGE)
        hop = read_hop(await hop_event(broken, platform.blobs))
        claim = await platform.ledger.claim(hop, now=platform.clock(), lease=1, cold=False)
        assert claim.work
        outcome = '{"output":1,"problem":null,"workMs":0}'
        assert await platform.ledger.record(claim.work.task, outcome, platform.clock())
        key = broken.run.input[1:].partition("?")[0]
        await platform.objects.put(key, b"{}")
        if spoil == "out":
            [stored] = settings.data.rglob(key.rpartition("/")[2])
            stored.unlink()
            stored.symlink_to(stored)  # which nobody can follow
        waiting = await started(platform, "waiting", {})
    async with opened(settings) as fresh:  # as another process, which has seen none of the values
        later = replace(fresh, clock=lambda: fresh.settings.request_grace + platform.clock())
        assert await Clock(later).tick() == (2 if spoil == "altered" else 1)
        run = await fresh.ledger.run(broken.run.id)
    assert [event.get("runid") for event in events] == [waiting.run.id]
    assert run
    if spoil == "altered":
        assert run.error
        assert "was altered" in run.error["detail"]
    else:
        assert run.status == "running"
        assert broken.run.id in caplog.text
