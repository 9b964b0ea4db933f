"""Fairness: one subscriber's trouble is no other's, however much waits for it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from events.envelope import create
from knative.delivery import BackoffPolicy, DeliveryFailed, DeliverySpec, Response
from knative.local.trigger_queue import CONCURRENCY, KEPT_IN_MEMORY

if TYPE_CHECKING:
    from collections.abc import Callable

    from events.envelope import Event
    from tests.knative.local.broker.conftest import Platform
    from tests.knative.local.broker.fixtures import Eventually, Make, Trigger


BACKLOG = CONCURRENCY + KEPT_IN_MEMORY + 500
RETRIES = DeliverySpec(retry=1000, backoff_policy=BackoffPolicy.LINEAR, backoff_delay=0.05)


def hang(platform: Platform) -> None:
    """Have the slow subscriber never answer."""
    platform.subscribers.hang("http://slow/")


def fail(platform: Platform) -> None:
    """Have it fail after a moment, again and again."""

    async def answer(_: Event) -> Response:
        await asyncio.sleep(0.05)
        raise DeliveryFailed("reset")

    platform.subscribers.answers["http://slow/"] = answer


@pytest.mark.parametrize("trouble", [hang, fail])
@pytest.mark.parametrize("ordered", [False, True])
async def test_a_backlog_delays_no_other(
    platform: Platform,
    trigger: Trigger,
    event: Make,
    eventually: Eventually,
    trouble: Callable[[Platform], None],
    ordered: bool,
) -> None:
    """With thousands of events behind one subscriber, each of another's is there in a moment."""
    trouble(platform)
    slow = replace(trigger("slow", "s", RETRIES), ordered=ordered)
    broker = platform.start(slow, trigger("fast", "f"))
    keys = [{"partitionkey": str(n % 7)} if ordered else {} for n in range(BACKLOG)]
    await broker.accept_all([event(str(n), "s", **key) for n, key in enumerate(keys)])
    longest = 0.0
    for number in range(50):
        begun = time.perf_counter()
        await broker.accept(event(str(number), "f"))
        await eventually(lambda: len(platform.subscribers.ids("http://fast/")) > number)  # noqa: B023 - awaited here
        longest = max(longest, time.perf_counter() - begun)
    assert longest < 1
    assert broker.stats().stored == BACKLOG


async def test_a_backlog_slows_no_reply(
    platform: Platform,
    trigger: Trigger,
    event: Make,
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A reply goes out beside its commit, however many events of others are on disk alone."""
    hang(platform)
    platform.subscribers.reply("http://x/", lambda e: create(id=e.id, source="/r", type="b"))
    broker = platform.start(trigger("slow", "s"), trigger("x", "a"), trigger("z", "b"))
    await broker.accept_all([event(str(number), "s") for number in range(BACKLOG)])
    write = broker._store.write
    held: list[Any] = []

    def hold(change: Any, committed: Any) -> None:
        if change.events[0].event.source == "/r":
            held.append((change, committed))
        else:
            write(change, committed)

    monkeypatch.setattr(broker._store, "write", hold)  # the disk, held up
    await broker.accept(event("1", "a"))
    await eventually(lambda: platform.subscribers.ids("http://z/") == ["1"])
    [(change, committed)] = held
    write(change, committed)
    await eventually(lambda: broker.stats().stored == BACKLOG)
