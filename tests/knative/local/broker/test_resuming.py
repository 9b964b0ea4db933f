"""Restarts, stops and full disks: nothing accepted is lost."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from knative.delivery import DeliverySpec, Response
from knative.local.broker import Broker, NotAccepting
from knative.local.tables import StoreError, StoreFull
from tests.knative.local.broker.fixtures import HOURLY, Eventually, Make, Trigger

if TYPE_CHECKING:
    from events.envelope import Event
    from tests.knative.local.broker.conftest import Platform


async def test_a_restart_resumes_what_was_not_delivered(
    platform: Platform, trigger: Trigger, event: Make, eventually: Eventually
) -> None:
    """An event accepted by one process is delivered by the next."""
    broker = platform.start(trigger("x", "a"))
    platform.subscribers.hang("http://x/")
    await asyncio.gather(*(broker.accept(event(str(n))) for n in range(100)))
    await platform.stop()
    del platform.subscribers.answers["http://x/"]
    broker = platform.start(trigger("x", "a"))
    await eventually(lambda: broker.stats().delivered == 100)
    assert set(platform.subscribers.ids("http://x/")) == {str(n) for n in range(100)}


async def test_a_retry_keeps_its_time_and_count_over_a_restart(
    platform: Platform, trigger: Trigger, event: Make, eventually: Eventually
) -> None:
    """A restart neither hurries a waiting retry nor forgets the attempts made."""
    broker = platform.start(trigger("x", "a", HOURLY))
    platform.subscribers.status("http://x/", 500)
    await broker.accept(event("1"))
    await eventually(lambda: broker.stats().retrying == 1)
    await platform.stop()
    broker = platform.start(trigger("x", "a", HOURLY))
    assert broker.stats().retrying == 1
    assert len(platform.subscribers.ids("http://x/")) == 1
    for attempts, hours in ((2, 1), (3, 2)):
        await platform.stop()
        platform.ahead += hours * 3600
        broker = platform.start(trigger("x", "a", HOURLY))
        await eventually(lambda: len(platform.subscribers.ids("http://x/")) == attempts)  # noqa: B023 - awaited here
    await eventually(lambda: broker.stats().deadlettered == 1)


async def test_deliveries_of_a_removed_trigger_are_kept(
    platform: Platform, trigger: Trigger, event: Make, eventually: Eventually
) -> None:
    """They are counted, disturb nobody, and go on when the Trigger is back."""
    broker = platform.start(trigger("x", "a", HOURLY))
    platform.subscribers.status("http://x/", 500)
    await broker.accept(event("1"))
    await eventually(lambda: broker.stats().retrying == 1)
    await platform.stop()
    assert platform.start(trigger("y", "a")).stats().orphaned == 1
    await platform.stop()
    assert platform.start(trigger("x", "a", HOURLY)).stats().retrying == 1


async def test_drain_lets_attempts_end(
    platform: Platform, trigger: Trigger, event: Make, eventually: Eventually
) -> None:
    """A delivery under way ends, its reply is stored for the next start, nothing else begins."""
    broker = platform.start(trigger("x", "a"), trigger("y", "b"), concurrency=1)
    gate = asyncio.Event()
    platform.subscribers.reply("http://x/", lambda got: event(f"{got.id}-reply", "b"))
    replying = platform.subscribers.answers["http://x/"]

    async def answer(got: Event) -> Response:
        await gate.wait()
        return await replying(got)

    platform.subscribers.answers["http://x/"] = answer
    await broker.accept_all([event("1"), event("2")])
    await eventually(lambda: broker.stats().active == 1)
    draining = asyncio.create_task(platform.stop(grace=10))
    await asyncio.sleep(0)
    gate.set()
    await draining
    assert platform.subscribers.ids("http://x/") == ["1"]
    assert platform.subscribers.ids("http://y/") == []
    with pytest.raises(NotAccepting):
        await broker.accept(event("3"))
    broker = platform.start(trigger("x", "a"), trigger("y", "b"))
    await eventually(lambda: broker.stats().stored == 0)
    assert platform.subscribers.ids("http://x/") == ["1", "2"]
    assert set(platform.subscribers.ids("http://y/")) == {"1-reply", "2-reply"}


async def test_a_full_disk_refuses_and_recovers(
    platform: Platform, trigger: Trigger, event: Make, eventually: Eventually
) -> None:
    """Without room nothing is accepted; deliveries go on, make room, and it works again."""
    broker = platform.start(trigger("x", "a"))
    platform.subscribers.hang("http://x/")
    await broker.accept(event("0"))
    platform.limit_pages(extra=100)
    accepted = ["0"]
    with pytest.raises(StoreFull):
        await fill(broker, event, accepted)
    with pytest.raises(StoreError):
        await broker.accept(event("later", data="x" * 5000))
    hanging = set(platform.subscribers.ids("http://x/"))
    await platform.stop()
    del platform.subscribers.answers["http://x/"]
    broker = platform.start(trigger("x", "a"))
    await eventually(lambda: broker.stats().stored == 0)
    assert hanging | set(platform.subscribers.ids("http://x/")) == set(accepted)
    await broker.accept(event("later", data="x" * 5000))


async def test_a_reply_that_cannot_be_stored_is_asked_for_again(
    platform: Platform, trigger: Trigger, event: Make, eventually: Eventually
) -> None:
    """While the store refuses the reply the delivery is retried, and nothing is lost."""
    spec = DeliverySpec(retry=10**6, dead_letter_sink="http://sink/")
    broker = platform.start(trigger("x", "a", spec), trigger("y", "b"))
    platform.subscribers.reply("http://x/", lambda _: event("2", "b", data="x" * 200_000))
    platform.limit_pages(extra=20)
    await broker.accept(event("1"))
    await eventually(lambda: len(platform.subscribers.ids("http://x/")) > 3)
    early = platform.subscribers.ids("http://y/")
    assert early in ([], ["2"]), "a reply overtakes its commit once at most"
    platform.limit_pages(extra=1000)
    await eventually(lambda: broker.stats().stored == 0)
    assert platform.subscribers.ids("http://y/") == [*early, "2"]
    assert platform.subscribers.ids("http://sink/") == []


async def fill(broker: Broker, event: Make, accepted: list[str]) -> None:
    """Accept events until there is no more room."""
    for n in range(1, 1000):
        await broker.accept(event(str(n), data="x" * 5000))
        accepted.append(str(n))
