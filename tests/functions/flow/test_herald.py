"""The herald on a real ledger: who tells what, when, and what a failure leaves."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from events.envelope import create, is_batch, parse, parse_batch
from functions.flow.clock import Clock
from functions.flow.deploy import deploy
from functions.flow.door import Door
from functions.flow.herald import READER, Herald
from functions.flow.retention import Retention
from functions.flow.starting import start
from functions.host.assembly import Platform, opened
from functions.host.faults import SinkUnavailable
from functions.host.ledger.rows.task import Work
from functions.host.settings import Settings
from tests.support.local_platform import until
from tests.support.serving import answering

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from events.envelope import Event

FLOW = """
document: {dsl: '1.0.3', namespace: test, name: one, version: '1.0.0'}
do:
  - a: {set: {n: 1}}
"""


@dataclass
class Broker:
    """A broker's door that keeps what it takes."""

    url: str = ""
    batches: bool = True
    """Whether it takes events in batched mode, as Knative's do not."""
    status: int = 202
    requests: int = 0
    events: list[Event] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        self.requests += 1
        headers, body = list(request.headers.items()), await request.read()
        if self.status != 202 or (is_batch(headers) and not self.batches):
            return web.Response(status=400 if self.status == 202 else self.status)
        self.events += parse_batch(headers, body) if is_batch(headers) else [parse(headers, body)]
        return web.Response(status=202)

    def told(self) -> list[str]:
        return [event.type.removeprefix("io.serverlessworkflow.") for event in self.events]


@pytest.fixture
async def broker() -> AsyncIterator[Broker]:
    """One on loopback."""
    made = Broker()
    async with answering(made.take) as url:
        made.url = f"{url}/"
        yield made


@asynccontextmanager
async def platform_of(tmp_path: Path, broker: Broker, **more: object) -> AsyncIterator[Platform]:
    settings = Settings(data=tmp_path, K_SINK=broker.url, **more)  # type: ignore[arg-type]
    async with opened(settings) as platform:
        yield platform


async def run(platform: Platform, key: str) -> str:
    """Have a run start and end; return its id."""
    flow, _ = await deploy(platform, FLOW)
    made, _ = await start(platform, flow, {}, door="api", source="/api", key=key, trace="")
    return made.id


WORKFLOW = ["workflow.started.v1", "workflow.completed.v1"]
TASKS = ["task.created.v1", "task.started.v1", "task.completed.v1"]


@pytest.mark.parametrize(
    ("lifecycle", "expected"),
    [("workflows", WORKFLOW), ("all", [WORKFLOW[0], *TASKS, WORKFLOW[1]])],
)
async def test_what_happened_is_told_once(
    tmp_path: Path, broker: Broker, lifecycle: str, expected: list[str]
) -> None:
    """Each line is told once, in few requests; those about tasks where they are wanted."""
    async with platform_of(tmp_path, broker, lifecycle=lifecycle) as platform:
        herald = Herald(platform)
        assert await herald.tick() == 0  # from here on
        await run(platform, "a")
        assert await herald.tick() > 0
        assert await herald.tick() == 0
    assert broker.told() == expected
    assert broker.requests == 1


async def test_status_changes_are_told_where_asked_for(tmp_path: Path, broker: Broker) -> None:
    """Each event that brings a status phase is followed by its status-changed event."""
    async with platform_of(tmp_path, broker, lifecycle="all", lifecycle_statuses=True) as platform:
        herald = Herald(platform)
        await herald.tick()
        await run(platform, "a")
        await herald.tick()
    phases = [e.json()["status"] for e in broker.events if "status-changed" in e.type]
    assert phases == ["running", "pending", "running", "completed", "completed"]
    assert len(broker.events) == 10
    assert len({event.id for event in broker.events}) == 10


async def test_a_broker_without_batches_gets_single_events(tmp_path: Path, broker: Broker) -> None:
    """Where batched mode is refused, events go in structured mode, and batches are tried once."""
    broker.batches = False
    async with platform_of(tmp_path, broker) as platform:
        herald = Herald(platform)
        await herald.tick()
        for key in "ab":
            await run(platform, key)
            await herald.tick()
    assert broker.told() == WORKFLOW * 2
    assert broker.requests == 5


async def test_what_the_broker_did_not_take_is_told_again(tmp_path: Path, broker: Broker) -> None:
    """A failing broker keeps the bookmark where it is: the same events come once it works."""
    async with platform_of(tmp_path, broker) as platform:
        herald = Herald(platform)
        await herald.tick()
        await run(platform, "a")
        broker.status = 503
        with pytest.raises(SinkUnavailable):
            await herald.tick()
        broker.status = 202
        assert await herald.tick() == 2
    assert broker.told() == WORKFLOW


async def test_a_crash_after_publishing_tells_the_same_events(
    tmp_path: Path, broker: Broker
) -> None:
    """Who dies between publishing and noting it is followed by another that tells it again.

    The events are the same, ids and all, so that who hears them can tell.
    """
    async with platform_of(tmp_path, broker) as platform:
        await Herald(platform).tick()
        await run(platform, "a")
        before = await platform.ledger.bookmark(READER)
        await Herald(platform).tick()
        now = await platform.ledger.bookmark(READER)
        assert await platform.ledger.mark(READER, now, before)
        assert await Herald(platform).tick() == 2
    assert broker.told() == WORKFLOW * 2
    assert broker.events[:2] == broker.events[2:]


async def test_one_of_several_replicas_tells(tmp_path: Path, broker: Broker) -> None:
    """While one has the lease the others tell nothing; when it ran out, another goes on."""
    async with platform_of(tmp_path, broker, lease=30.0) as platform:
        now = platform.clock()
        later = replace(platform, clock=lambda: now + 60)
        one, other, third = Herald(platform), Herald(platform), Herald(later)
        await one.tick()
        await run(platform, "a")
        assert await one.tick() == 2
        await run(platform, "b")
        assert await other.tick() == 0
        assert await third.tick() == 2
    assert broker.told() == WORKFLOW * 2


async def test_one_that_stops_lets_another_go_on(tmp_path: Path, broker: Broker) -> None:
    """A clean end gives the lease back."""
    async with platform_of(tmp_path, broker, lease=30.0) as platform:
        async with Herald(platform) as one:
            await run(platform, "a")
            await one.tick()
        await run(platform, "b")
        assert await Herald(platform).tick() == 2


async def test_while_it_is_off_nothing_is_told_nor_kept_to_tell(
    tmp_path: Path, broker: Broker
) -> None:
    """What happens while it is off is not told when it is on again."""
    async with platform_of(tmp_path, broker) as platform, Herald(platform):
        pass
    async with platform_of(tmp_path, broker, lifecycle="off") as platform, Herald(platform):
        await run(platform, "a")
    async with platform_of(tmp_path, broker) as platform, Herald(platform):
        await run(platform, "b")

        async def told() -> bool:
            return bool(broker.events)

        await until(told, 20, "the second run was told")
    assert broker.told() == WORKFLOW


async def test_no_run_is_archived_before_it_was_told(tmp_path: Path, broker: Broker) -> None:
    """While the herald is behind, runs that ended stay in the ledger; then they go."""
    async with platform_of(tmp_path, broker, retention=0.0) as platform:
        herald = Herald(platform)
        await herald.tick()
        made = await run(platform, "a")
        now = platform.clock()
        retention = Retention(replace(platform, clock=lambda: now + 100))
        assert await retention.tick() == 0
        assert await herald.tick() == 2
        assert await retention.tick() == 1
        kept = await platform.ledger.run(made)
        assert kept
        assert kept.archived
    assert broker.told() == WORKFLOW


async def test_what_a_schedule_correlates_is_told_by_the_start(
    tmp_path: Path, broker: Broker
) -> None:
    """There is no workflow before all of its events are there; from then on it has begun."""
    filters = [
        f"{{with: {{type: {kind}}}, correlate: {{order: {{from: .data.order}}}}}}" for kind in "ab"
    ]
    schedule = f"schedule: {{on: {{all: [{', '.join(filters)}]}}}}"
    async with platform_of(tmp_path, broker) as platform:
        herald = Herald(platform)
        await herald.tick()
        await deploy(platform, FLOW.replace("do:", f"{schedule}\ndo:"))
        for kind in "ab":
            named = {"id": kind, "source": "/t", "type": kind}
            data = b'{"order":1}'
            event = create(data=data, datacontenttype="application/json", **named)
            await Door(platform, Clock(platform)).take(event)
        await herald.tick()
    assert broker.told() == WORKFLOW


NAP = """
document: {dsl: '1.0.3', namespace: test, name: nap, version: '1.0.0'}
do:
  - sleep: {wait: PT1H}
"""
ABOVE = """
document: {dsl: '1.0.3', namespace: test, name: above, version: '1.0.0'}
do:
  - go: {run: {workflow: {namespace: test, name: nap, version: '1.0.0'}}}
"""
ENDED = ["workflow.started.v1", "task.created.v1", "task.started.v1"]
STEPS = ["task.suspended.v1", "workflow.suspended.v1", "workflow.resumed.v1", "task.resumed.v1"]


@pytest.mark.parametrize("how", ["cancelled", "above", "timer"])
async def test_a_child_is_told_as_its_parent_is(tmp_path: Path, broker: Broker, how: str) -> None:
    """What is done to a run is done to the one that it awaits: both are told, to the end."""
    async with platform_of(tmp_path, broker, lifecycle="all") as platform:
        herald, ledger = Herald(platform), platform.ledger
        await herald.tick()
        await deploy(platform, NAP)
        flow, _ = await deploy(platform, ABOVE)
        top, _ = await start(platform, flow, {}, door="api", source="/api", key="a", trace="")

        async def parked() -> bool:
            return bool(await ledger.children(top.id))

        await until(parked, 10, "the child is open")
        [child] = await ledger.children(top.id)
        await ledger.suspend(top.id, platform.clock())
        await ledger.resume(top.id, platform.clock())
        if how == "timer":
            [timer] = await ledger.tasks(child.id)
            await platform.settler.settle(Work(timer, child))
            await _settled(platform, top.id)
        else:
            await ledger.cancel(top.id if how == "above" else child.id, platform.clock())
            await _settled(platform, top.id)
        await herald.tick()
    ends = {"timer": ("completed", "completed"), "above": ("cancelled", "cancelled")}
    own, upper = ends.get(how, ("cancelled", "faulted"))
    for run_id, end in ((child.id, own), (top.id, upper)):
        told = [e.type[len("io.serverlessworkflow.") :] for e in broker.events if _of(e) == run_id]
        over = [f"task.{end}.v1", f"workflow.{end}.v1"]
        assert told == [*ENDED, *STEPS, *over], run_id


def _of(event: Event) -> str:
    return str(event.get("correlationid"))


async def _settled(platform: Platform, run_id: str) -> None:
    """Have the clock go on from what a child has told, and see the run ended."""

    async def ended() -> bool:
        for work in await platform.ledger.overdue(platform.clock() + 60, 9):
            await platform.settler.settle(work)
        return bool(await platform.ledger.ended([run_id]))

    await until(ended, 10, f"run {run_id} ended")
