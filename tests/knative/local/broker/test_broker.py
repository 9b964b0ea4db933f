"""The broker: durable acceptance, matching, replies, queues per Trigger."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from events.envelope import EnvelopeError, Event
from knative.delivery import Response
from knative.local.broker import UnknownBroker
from knative.local.trigger_queue import KEPT_IN_MEMORY

if TYPE_CHECKING:
    from tests.knative.local.broker.conftest import Platform
    from tests.knative.local.broker.fixtures import Eventually, Make, Trigger


async def test_every_matching_trigger_gets_the_event(
    platform: Platform, trigger: Trigger, event: Make, eventually: Eventually
) -> None:
    """One copy goes to each Trigger that matches, with the arrival time and without the TTL."""
    broker = platform.start(trigger("x", "a"), trigger("y", "a"), trigger("z", "b"))
    await broker.accept(event("1"))
    await eventually(lambda: broker.stats().delivered == 2)
    got = platform.subscribers.received
    assert set(got) == {"http://x/", "http://y/"}
    [one] = got["http://x/"]
    assert one.without("knativearrivaltime") == event("1")
    assert str(one.attributes["knativearrivaltime"]).endswith("Z")
    assert platform.subscribers.headers["http://x/"][0]["prefer"] == "reply"


async def test_an_event_nobody_wants_vanishes(
    platform: Platform, trigger: Trigger, event: Make
) -> None:
    """Without a matching Trigger an event is accepted and counted, not stored."""
    broker = platform.start(trigger("x", "a"))
    await broker.accept(event("1", "other"))
    assert (broker.stats().unmatched, broker.stats().stored) == (1, 0)


async def test_brokers_are_apart(
    platform: Platform, trigger: Trigger, event: Make, eventually: Eventually
) -> None:
    """A Trigger hears its own Broker only, and an unknown Broker is refused."""
    broker = platform.start(trigger("x", "a"), addresses=["default/default", "team/other"])
    await broker.accept(event("1"), "team/other")
    await broker.accept(event("2"))
    await eventually(lambda: broker.stats().delivered)
    assert platform.subscribers.ids("http://x/") == ["2"]
    with pytest.raises(UnknownBroker):
        await broker.accept(event("3"), "team/missing")


async def test_a_reply_is_matched_against_all_triggers(
    platform: Platform, trigger: Trigger, event: Make, eventually: Eventually
) -> None:
    """An event in the answer comes back through the broker, to its own Trigger as well."""
    broker = platform.start(trigger("x", "a"), trigger("y", "b"), trigger("z", "b"))
    platform.subscribers.reply("http://x/", lambda got: event(f"{got.id}-reply", "b"))
    await broker.accept(event("1"))
    await eventually(lambda: broker.stats().delivered == 3)
    assert platform.subscribers.ids("http://y/") == ["1-reply"]
    assert platform.subscribers.ids("http://z/") == ["1-reply"]
    assert broker.stats().stored == 0


async def test_a_reply_and_the_end_of_its_delivery_are_one_commit(
    platform: Platform, trigger: Trigger, event: Make, eventually: Eventually
) -> None:
    """Once a reply is delivered onwards, what it answered is never delivered again."""
    broker = platform.start(trigger("x", "a"), trigger("y", "b"))
    platform.subscribers.reply("http://x/", lambda _: event("2", "b"))
    platform.subscribers.status("http://y/", 500)
    await broker.accept(event("1"))
    await eventually(lambda: platform.subscribers.ids("http://y/"))
    rows = broker._store._connection.execute("SELECT trigger FROM deliveries").fetchall()
    assert rows == [("default/y",)]


async def test_a_loop_of_replies_ends(
    platform: Platform, trigger: Trigger, event: Make, eventually: Eventually
) -> None:
    """A subscriber that answers itself is stopped by the TTL, into the dead letters."""
    broker = platform.start(trigger("x", "a"))
    platform.subscribers.reply("http://x/", lambda got: event(f"{got.id}+", "a"))
    await broker.accept(event("1"))
    await eventually(lambda: broker.stats().stored == 0)
    assert len(platform.subscribers.received["http://x/"]) == 255
    [letter] = platform.subscribers.received["http://sink/"]
    assert letter.attributes["knativeerrorcode"] == "400"


async def test_a_ttl_that_arrives_counts(
    platform: Platform, trigger: Trigger, event: Make, eventually: Eventually
) -> None:
    """An event that comes with a TTL has that many steps left, one of them just made."""
    broker = platform.start(trigger("x", "a"))
    platform.subscribers.reply("http://x/", lambda got: event(f"{got.id}+", "a"))
    await broker.accept(event("1", knativebrokerttl=3))
    await eventually(lambda: broker.stats().deadlettered == 1)
    assert platform.subscribers.ids("http://x/") == ["1", "1+"]


@pytest.mark.parametrize("ttl", [1, 0, -5, "soon", "1.5"])
async def test_a_ttl_used_up_or_wrong_is_refused(
    platform: Platform, trigger: Trigger, event: Make, ttl: str | int
) -> None:
    """An arriving TTL that leaves no step, or is no integer, is an error of the event."""
    broker = platform.start(trigger("x", "a"))
    with pytest.raises(EnvelopeError) as caught:
        await broker.accept(event(knativebrokerttl=ttl))
    assert caught.value.attribute == "knativebrokerttl"


async def test_a_batch_is_all_or_nothing(platform: Platform, trigger: Trigger, event: Make) -> None:
    """One event that is refused refuses the batch, before anything is stored."""
    broker = platform.start(trigger("x", "a"))
    with pytest.raises(EnvelopeError):
        await broker.accept_all([event("1"), event("2", knativebrokerttl=0)])
    assert broker.stats().accepted == broker.stats().stored == 0


async def test_a_slow_subscriber_delays_nobody_else(
    platform: Platform, trigger: Trigger, event: Make, eventually: Eventually
) -> None:
    """With one subscriber hanging on every event, the other Trigger's go through."""
    broker = platform.start(trigger("slow", "a"), trigger("fast", "a"))
    platform.subscribers.hang("http://slow/")
    await asyncio.gather(*(broker.accept(event(str(n))) for n in range(300)))
    await eventually(lambda: len(platform.subscribers.ids("http://fast/")) == 300)
    assert len(platform.subscribers.ids("http://slow/")) == 64


async def test_concurrency_is_limited_per_trigger(
    platform: Platform, trigger: Trigger, event: Make, eventually: Eventually
) -> None:
    """No more attempts are under way than the limit allows, and the rest waits in order."""
    broker = platform.start(trigger("x", "a"), concurrency=3)
    platform.subscribers.hang("http://x/")
    for n in range(10):
        await broker.accept(event(str(n)))
    await eventually(lambda: broker.stats().active == 3)
    assert broker.stats().pending == 7
    assert platform.subscribers.ids("http://x/") == ["0", "1", "2"]


async def test_a_long_queue_is_read_back_from_the_store(
    platform: Platform, trigger: Trigger, event: Make, eventually: Eventually
) -> None:
    """Events beyond what memory keeps are delivered as well, unchanged."""
    broker = platform.start(trigger("x", "a"), concurrency=1)
    gate = asyncio.Event()

    async def answer(_: Event) -> Response:
        await gate.wait()
        return Response(202, [])

    platform.subscribers.answers["http://x/"] = answer
    names = [str(n) for n in range(KEPT_IN_MEMORY + 50)]
    await broker.accept_all([event(name, number=7) for name in names])
    gate.set()
    await eventually(lambda: broker.stats().stored == 0)
    assert platform.subscribers.ids("http://x/") == names
    assert {e.attributes["number"] for e in platform.subscribers.received["http://x/"]} == {"7"}


async def test_who_goes_away_is_no_loss(
    platform: Platform, trigger: Trigger, event: Make, eventually: Eventually
) -> None:
    """A caller cancelled while its event is committed does not keep it from delivery."""
    broker = platform.start(trigger("x", "a"))
    task = asyncio.create_task(broker.accept(event("1")))
    await asyncio.sleep(0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await eventually(lambda: platform.subscribers.ids("http://x/") == ["1"])


async def test_an_event_offered_as_the_last_worker_leaves_is_delivered(
    platform: Platform, trigger: Trigger, event: Make, eventually: Eventually
) -> None:
    """A queue that has just run empty starts again for the very next event."""
    broker = platform.start(trigger("x", "a"), concurrency=1)
    for n in range(300):
        await broker.accept_all([event(f"{n}.{m}") for m in range(n % 3 + 1)])
        for _ in range(n % 7):
            await asyncio.sleep(0)
    await eventually(lambda: broker.stats().stored == 0)
