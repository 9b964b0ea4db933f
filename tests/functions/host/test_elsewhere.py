"""Hops that are done elsewhere, on a real ledger: what a host gives away, and how a Job does it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from pydantic import BaseModel

from events.flow.parse import parse
from events.vocabulary import read_hop
from functions.host.assembly import opened
from functions.host.context import Context, Resources
from functions.host.faults import SinkUnavailable
from functions.host.handover import Handover
from functions.host.hop_events import hop_event
from functions.host.job import do, run
from functions.host.ledger.rows.flow import FlowRow
from functions.host.ledger.rows.run import RunRow, RunStatus
from functions.host.settings import Settings
from functions.host.tool import tool
from tests.support.serving import answering

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from events.envelope import Event, Message
    from functions.host.assembly import Platform

FLOW = """
document: {dsl: '1.0.3', namespace: test, name: f, version: '1.0.0'}
do:
  - a: {call: effect, with: {url: '${ .url }'}}
  - b: {call: effect, with: {url: '${ .url }'}}
"""


class Host:
    """A host that notes what it gives away, and what it does itself."""

    def __init__(self, platform: Platform, *, taken: bool = True) -> None:
        self.given: list[Any] = []
        self.done: list[str] = []
        self._taken = taken
        self._handover = Handover(self._give, platform, Resources(), self._do)

    async def take(self, event: Event) -> None:
        assert await self._handover.take(event) is None

    async def _give(self, event: Event, asked: Any, _: Resources) -> bool:
        self.given.append((event.id, asked))
        return self._taken

    async def _do(self, event: Event) -> Message | None:
        self.done.append(event.id)
        return None


class In(BaseModel):
    """An input."""

    url: str


class Work:
    """What a tool did."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.tool = tool(self.handle, name="effect", version="1.0.0", timeout=10)

    async def handle(self, request: In, _: Context) -> In:
        self.done.append(request.url)
        return request


@pytest.fixture
async def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Platform]:
    """An empty ledger and object store, which a Job has too; nobody is the broker."""
    for name, value in {
        "TENDRIL_DATA": str(tmp_path),
        "TENDRIL_LEASE": "0.6",
        "K_SINK": "http://127.0.0.1:1/",
    }.items():
        monkeypatch.setenv(name, value)
    async with opened(Settings()) as made:
        yield made


async def requested(platform: Platform, value: Any) -> Event:
    """Start a run and return its first hop event."""
    flow = parse(FLOW)
    row = FlowRow(
        flow.digest, "test", "f", "1.0.0", "", flow.definition, FLOW, {"effect": "1.0.0"}, 0
    )
    await platform.ledger.deploy(row, [])
    packed = await platform.blobs.pack(value, "r1")
    run = RunRow(
        "r1", flow.digest, "test", "f", "1.0.0", 1, RunStatus.RUNNING, packed, None, None,
        time.time(), None, "a" * 32,
    )  # fmt: skip
    _, work = await platform.settler.start(run)
    return await hop_event(work.requests[0], platform.blobs)


@pytest.mark.parametrize("url", ["http://a", "http://a/" + "x" * 100_000])
async def test_a_request_is_given_away_with_its_input(platform: Platform, url: str) -> None:
    """Each time that it comes, since nobody has claimed it; a large input whole."""
    event, host = await requested(platform, {"url": url}), Host(platform)
    await host.take(event)
    await host.take(event)
    assert host.given == [(event.id, {"url": url})] * 2
    assert host.done == []


async def test_what_is_not_taken_is_done_here(platform: Platform) -> None:
    """The handler has the last word."""
    event, host = await requested(platform, {"url": "a"}), Host(platform, taken=False)
    await host.take(event)
    assert host.done == [event.id]


async def test_what_somebody_has_claimed_is_not_given_away(platform: Platform) -> None:
    """Until the claim runs out."""
    event, host = await requested(platform, {"url": "a"}), Host(platform)
    await platform.ledger.claim(read_hop(event), now=time.time() - 10, lease=60, cold=False)
    await host.take(event)
    assert (host.given, host.done) == ([], [event.id])


async def test_what_is_forged_is_not_given_away(platform: Platform) -> None:
    """An event that no row asks for reaches nobody else."""
    event, host = await requested(platform, {"url": "a"}), Host(platform)
    for forged in (event.with_(runid="r2"), event.with_(id="x"), event.with_(tool="other")):
        await host.take(forged)
    assert host.given == []


async def test_a_job_does_its_hop_once_its_claim_is_free(platform: Platform) -> None:
    """A process that died still holds it: nobody else would deliver the event again."""
    event, work = await requested(platform, {"url": "a"}), Work()
    await platform.ledger.claim(read_hop(event), now=time.time(), lease=0.6, cold=False)
    with pytest.raises(SinkUnavailable):  # the task is done, the next one not asked for
        await do(work.tool, event)
    assert work.done == ["a"]


async def test_a_job_that_is_tried_again_only_emits(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was recorded stays; its next event goes to the broker that is there by then."""
    event, work = await requested(platform, {"url": "a"}), Work()
    with pytest.raises(SinkUnavailable):
        await do(work.tool, event)
    subjects: list[str] = []

    async def take(request: web.Request) -> web.Response:
        subjects.append(request.headers["ce-subject"])
        return web.Response(status=202)

    async with answering(take) as url:
        monkeypatch.setenv("K_SINK", url)
        await do(work.tool, event)
    assert work.done == ["a"]
    assert subjects == ["/do/1/b#1"]


async def test_a_job_has_nothing_to_do_for_a_run_that_is_over(platform: Platform) -> None:
    """It ends well, without doing anything."""
    event, work = await requested(platform, {"url": "a"}), Work()
    await platform.ledger.cancel("r1", time.time())
    await do(work.tool, event)
    assert work.done == []


def test_a_process_without_an_event_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The exit status is the Job's to see."""
    monkeypatch.setenv("K_EVENT_PATH", str(tmp_path))
    assert run(Work().tool) == 1
