"""Lifecycle events end to end: a subscriber sees exactly what happened, whatever dies."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from events.envelope import parse
from events.lifecycle import PAYLOADS, type_of
from tests.support.local_platform import LocalPlatform, until
from tests.support.serving import answering

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from events.envelope import Event

WHOLE = """
document: {dsl: '1.0.3', namespace: test, name: whole, version: '1.0.0'}
do:
  - attempt:
      try:
        - ask: {call: ping, with: {n: '${ "not a number" }'}}
      catch:
        retry: {limit: {attempt: {count: 1}}}
        do:
          - excuse: {set: {n: 1}}
  - race:
      fork:
        compete: true
        branches:
          - quick: {call: ping, with: {n: 2}}
          - slow: {do: [{sleep: {wait: PT60S}}]}
  - hurried:
      try:
        - late:
            timeout: {after: PT0.1S}
            do: [{sleep: {wait: PT60S}}]
      catch: {}
  - never: {if: '${ false }', set: {a: 1}}
  - pause: {wait: PT0.1S}
  - last: {set: {done: true}}
"""
EXPECTED = [
    "workflow.started",
    "task.created attempt", "task.started attempt",
    "task.created ask", "task.started ask", "task.faulted ask",
    "task.retried attempt",
    "task.created ask", "task.started ask", "task.faulted ask",
    "task.created excuse", "task.started excuse", "task.completed excuse",
    "task.completed attempt",
    "task.created race", "task.started race",
    "task.created quick",
    "task.created slow", "task.started slow", "task.created sleep", "task.started sleep",
    "task.started quick", "task.completed quick",
    "task.cancelled slow", "task.cancelled sleep", "task.completed race",
    "task.created hurried", "task.started hurried",
    "task.created late", "task.started late", "task.created sleep", "task.started sleep",
    "task.cancelled sleep", "task.faulted late", "task.completed hurried",
    "task.created pause", "task.started pause", "task.completed pause",
    "task.created last", "task.started last", "task.completed last",
    "workflow.completed",
]  # fmt: skip
PARKED = """
document: {dsl: '1.0.3', namespace: test, name: parked, version: '1.0.0'}
do:
  - outer: {do: [{sleep: {wait: PT60S}}]}
"""
STEERED = [
    "workflow.started",
    "task.created outer", "task.started outer", "task.created sleep", "task.started sleep",
    "task.suspended outer", "task.suspended sleep", "workflow.suspended",
    "workflow.resumed", "task.resumed outer", "task.resumed sleep",
    "task.cancelled outer", "task.cancelled sleep", "workflow.cancelled",
]  # fmt: skip
FAULTY = """
document: {dsl: '1.0.3', namespace: test, name: faulty, version: '1.0.0'}
do:
  - fail: {raise: {error: {type: https://example.com/no, status: 418, title: No}}}
"""
PAID = """
document: {dsl: '1.0.3', namespace: test, name: paid, version: '1.0.0'}
do:
  - wait:
      listen:
        to:
          one:
            with: {type: com.example.paid}
            correlate: {order: {from: .data.id, expect: '${ .id }'}}
"""
PAYMENT = {
    "specversion": "1.0", "id": "1", "source": "https://shop.example", "type": "com.example.paid",
    "data": {"id": "a7"},
}  # fmt: skip
CORRELATED = [
    "workflow.started", "task.created wait", "task.started wait", "workflow.correlation-started",
    "workflow.correlation-completed", "task.completed wait", "workflow.completed",
]  # fmt: skip
HERALDED = """
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata:
  name: heralded
  annotations: {kafka.eventing.knative.dev/delivery.order: ordered}
spec:
  broker: default
  filters: [{prefix: {type: io.serverlessworkflow.}}]
  subscriber: {uri: '%s'}
"""
MODELS = {type_of(payload): payload for payload in PAYLOADS}


@dataclass
class Listener:
    """A subscriber that keeps what it hears."""

    url: str = ""
    heard: list[Event] = field(default_factory=list)

    async def hear(self, request: web.Request) -> web.Response:
        self.heard.append(parse(list(request.headers.items()), await request.read()))
        return web.Response(status=202)

    def of(self, run: str) -> list[Event]:
        """A run's events in the order in which they came, each once."""
        return list({event.id: event for event in self.heard if _run(event) == run}.values())

    async def told(self, run: str, last: str) -> list[Event]:
        """Wait for a run's last event; return all."""

        async def ended() -> bool:
            return any(_told(event) == last for event in self.of(run))

        await until(ended, 20, f"{last} of {run} was heard")
        return self.of(run)


def _run(event: Event) -> str:
    return str(event.get("correlationid"))


def _told(event: Event) -> str:
    kind = event.type.removeprefix("io.serverlessworkflow.").removesuffix(".v1")
    task = event.json().get("task")
    return f"{kind} {task.rpartition('/')[2]}" if task else kind


@asynccontextmanager
async def listening() -> AsyncIterator[Listener]:
    made = Listener()
    async with answering(made.hear) as url:
        made.url = f"{url}/"
        yield made


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    """A subscriber on loopback."""
    async with listening() as made:
        yield made


@pytest.fixture
def environment(tmp_path: Path, listener: Listener, tools: str) -> dict[str, str]:
    """A platform with a Trigger for the subscriber, in the order of each run."""
    (tmp_path / "heralded.yaml").write_text(HERALDED % listener.url)
    return {
        "TENDRIL_MANIFESTS": str(tmp_path / "heralded.yaml"),
        "TENDRIL_TOOLS": tools,
        "TENDRIL_LIFECYCLE": "all",
        "TENDRIL_LEASE": "3",
    }


async def test_a_subscriber_hears_what_happened(
    platform: LocalPlatform, listener: Listener
) -> None:
    """Every event of runs with a retry, a fork, timeouts, steering, a fault, a listen, in order.

    All data is of the specified shape, and no event started a run or was kept as unmatched.
    """
    for flow in (WHOLE, PARKED, FAULTY, PAID):
        await platform.deploy(flow)
    run = await platform.run("test/whole", {})
    assert run["status"] == "completed", run
    _, parked = await platform.api("POST", "/flows/test/parked/runs", json={})
    for step in ("suspend", "resume", "cancel"):
        status, answer = await platform.api("POST", f"/runs/{parked['id']}/{step}")
        assert status == 202, answer
    faulty = await platform.run("test/faulty", {})
    _, paid = await platform.api("POST", "/flows/test/paid/runs", json={"id": "a7"})
    assert await platform.publish(PAYMENT) == 202

    heard = await listener.told(run["id"], "workflow.completed")
    assert [_told(event) for event in heard] == EXPECTED
    assert heard[0].json()["name"] == f"whole-{run['id']}.test"
    assert heard[-1].json()["output"] == {"done": True}
    assert len(listener.heard) == len({event.id for event in listener.heard})
    steered = await listener.told(parked["id"], "workflow.cancelled")
    assert [_told(event) for event in steered] == STEERED
    faulted = await listener.told(faulty["id"], "workflow.faulted")
    assert [_told(event) for event in faulted][-2:] == ["task.faulted fail", "workflow.faulted"]
    correlated = await listener.told(paid["id"], "workflow.completed")
    assert [_told(event) for event in correlated] == CORRELATED
    assert correlated[4].json()["correlationKeys"] == {"order": "a7"}
    error = {"type": "https://example.com/no", "status": 418, "title": "No"}
    assert faulted[-1].json()["error"] == {**error, "instance": "/do/0/fail"}

    for event in listener.heard:
        MODELS[event.type].model_validate(event.json())
    _, unmatched = await platform.api("GET", "/unmatched")
    assert unmatched == {"unmatched": []}
    _, runs = await platform.api("GET", "/runs")
    assert len(runs["runs"]) == 4


async def test_a_crash_loses_no_event(platform: LocalPlatform, listener: Listener) -> None:
    """What had happened when everything died is told once it is back."""
    await platform.deploy(WHOLE)
    run = await platform.run("test/whole", {})
    await platform.kill()
    await platform.start()
    await listener.told(run["id"], "workflow.completed")
    told = sorted(listener.of(run["id"]), key=lambda event: str(event.get("sequence")))
    assert [_told(event) for event in told] == EXPECTED
