"""Ordered delivery: events of one partition key, one after the other, whatever happens."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from knative.delivery import BackoffPolicy, DeliverySpec, Response
from knative.local.disorder import Disorder
from knative.local.trigger_queue import KEPT_IN_MEMORY

if TYPE_CHECKING:
    from events.envelope import Event
    from tests.knative.local.broker.conftest import Platform
    from tests.knative.local.broker.fixtures import Eventually, Make, Trigger


SLOW_RETRY = DeliverySpec(
    retry=2,
    backoff_policy=BackoffPolicy.EXPONENTIAL,
    backoff_delay=0.1,
    dead_letter_sink="http://sink/",
)


def orders(platform: Platform, url: str = "http://x/") -> dict[str, list[str]]:
    """Return the ids that a subscriber got, by partition key."""
    got = defaultdict(list)
    for event in platform.subscribers.received[url]:
        got[str(event.get("partitionkey"))].append(event.id)
    return got


async def test_a_key_waits_for_itself_only(
    platform: Platform, trigger: Trigger, event: Make, eventually: Eventually
) -> None:
    """While one event of a key is under way, the next waits; other keys and none go through."""
    gate = asyncio.Event()

    async def hold_a(got: Event) -> Response:
        if got.get("partitionkey") == "a":
            await gate.wait()
        return Response(202, [])

    platform.subscribers.answers["http://x/"] = hold_a
    broker = platform.start(replace(trigger("x", "a"), ordered=True))
    for number, key in enumerate("aabbaa"):
        await broker.accept(event(str(number), partitionkey=key))
    await asyncio.gather(*(broker.accept(event(f"free {n}")) for n in range(3)))
    await eventually(lambda: broker.stats().delivered == 5)
    assert orders(platform)["a"] == ["0"]
    assert broker.stats().pending == 3
    gate.set()
    await eventually(lambda: broker.stats().delivered == 9)
    assert orders(platform)["a"] == ["0", "1", "4", "5"]
    assert orders(platform)["b"] == ["2", "3"]
    assert broker.stats().stored == broker.stats().pending == 0


async def test_a_trigger_that_does_not_ask_has_no_order(
    platform: Platform, trigger: Trigger, event: Make, eventually: Eventually
) -> None:
    """Without the annotation, a key holds nothing up."""
    platform.subscribers.hang("http://x/")
    broker = platform.start(trigger("x", "a"))
    for number in range(3):
        await broker.accept(event(str(number), partitionkey="a"))
    await eventually(lambda: broker.stats().active == 3)


async def test_a_retry_holds_its_key_up(
    platform: Platform, trigger: Trigger, event: Make, eventually: Eventually
) -> None:
    """An event that is tried again is tried before the later ones of its key are begun."""
    platform.subscribers.status("http://x/", 503, 503, 202)
    broker = platform.start(replace(trigger("x", "a", SLOW_RETRY), ordered=True))
    for number in range(3):
        await broker.accept(event(str(number), partitionkey="a"))
    await eventually(lambda: broker.stats().delivered == 3)
    assert platform.subscribers.ids("http://x/") == ["0", "0", "0", "1", "2"]


async def test_a_dead_letter_lets_the_next_one_pass(
    platform: Platform, trigger: Trigger, event: Make, eventually: Eventually
) -> None:
    """What is given up holds nothing up, even where its sink is down."""
    platform.subscribers.status("http://x/", 400, 202)
    platform.subscribers.status("http://sink/", 503)
    broker = platform.start(replace(trigger("x", "a"), ordered=True))
    for number in range(2):
        await broker.accept(event(str(number), partitionkey="a"))
    await eventually(lambda: broker.stats().delivered == 1)
    assert platform.subscribers.ids("http://x/") == ["0", "1"]
    assert broker.stats().dead == 1
    platform.subscribers.status("http://sink/", 202)
    await eventually(lambda: broker.stats().stored == 0)


async def test_without_a_sink_the_next_one_passes(
    platform: Platform, trigger: Trigger, event: Make, eventually: Eventually
) -> None:
    """What is dropped holds nothing up."""
    platform.subscribers.status("http://x/", 400, 202)
    broker = platform.start(replace(trigger("x", "a", DeliverySpec()), ordered=True))
    for number in range(2):
        await broker.accept(event(str(number), partitionkey="a"))
    await eventually(lambda: broker.stats().delivered == 1)
    assert broker.stats().dropped == 1


async def test_the_order_survives_a_restart(
    platform: Platform, trigger: Trigger, event: Make, eventually: Eventually
) -> None:
    """What was waiting goes on in the order of its arrival; a dead letter stays beside it."""
    ordered = replace(trigger("x", "a"), ordered=True)
    platform.subscribers.status("http://sink/", 503)
    platform.subscribers.status("http://x/", 400)
    broker = platform.start(ordered)
    await broker.accept(event("dead", partitionkey="7"))
    await eventually(lambda: broker.stats().dead == 1)
    platform.subscribers.hang("http://x/")
    for number in range(20):
        await broker.accept(event(f"{number:02}", partitionkey=str(number % 2 + 7)))
    await eventually(lambda: broker.stats().active == 2)
    await platform.stop()
    platform.subscribers.received.clear()
    del platform.subscribers.answers["http://x/"]
    broker = platform.start(ordered)
    assert broker.stats().dead == 1
    await eventually(lambda: broker.stats().delivered == 20)
    assert orders(platform)["7"] == [f"{n:02}" for n in range(0, 20, 2)]
    assert orders(platform)["8"] == [f"{n:02}" for n in range(1, 20, 2)]


async def test_a_long_lane_is_read_back(
    platform: Platform, trigger: Trigger, event: Make, eventually: Eventually
) -> None:
    """Events far behind in their order are on disk, not in memory, and come as they were."""
    gate = asyncio.Event()

    async def wait(_: Event) -> Response:
        await gate.wait()
        return Response(202, [])

    platform.subscribers.answers["http://x/"] = wait
    broker = platform.start(replace(trigger("x", "a"), ordered=True))
    count = KEPT_IN_MEMORY + 100
    events = [event(f"{number:04}", partitionkey="a") for number in range(count)]
    await broker.accept_all(events)
    [lane] = broker._dispatcher._lanes._lanes.values()
    assert sum(delivery.kept is None for delivery in lane) == 99
    gate.set()
    await eventually(lambda: broker.stats().delivered == count)
    assert orders(platform)["a"] == [f"{number:04}" for number in range(count)]
    assert (
        platform.subscribers.received["http://x/"][-1].without("knativearrivaltime") == events[-1]
    )


@pytest.mark.parametrize("seed", range(5))
async def test_disorder_does_not_break_it(
    platform: Platform, trigger: Trigger, event: Make, eventually: Eventually, seed: int
) -> None:
    """With deliveries delayed and reordered, each key still comes in order."""
    disorder = Disorder(seed=seed, delay=0.5, longest=0.05, reorder=0.5)
    broker = platform.start(replace(trigger("x", "a"), ordered=True), disorder=disorder)
    for number in range(60):
        await broker.accept(event(f"{number:02}", partitionkey=str(number % 4)))
    await eventually(lambda: broker.stats().delivered == 60)
    for key, ids in orders(platform).items():
        assert ids == sorted(ids), key
