"""Back-pressure: events are refused while too much is owed, and taken again when it is less."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any

import pytest

from events.envelope import Event, create, to_binary
from knative.delivery import BackoffPolicy, DeliverySpec, Response
from knative.local.pressure import Bounds, Busy
from knative.local.tables import Kept
from knative.local.trigger_queue import CONCURRENCY, KEPT_IN_MEMORY, LARGE

if TYPE_CHECKING:
    from tests.knative.local.broker.conftest import Platform
    from tests.knative.local.broker.fixtures import Eventually, Make, Trigger


def held(platform: Platform, reply: Event | None = None) -> asyncio.Event:
    """Have the subscriber wait for what is returned, then answer."""
    gate = asyncio.Event()

    async def answer(_: Event) -> Response:
        await gate.wait()
        if reply is None:
            return Response(202, [])
        headers, body = to_binary(reply)
        return Response(200, list(headers.items()), body)

    platform.subscribers.answers["http://x/"] = answer
    return gate


async def test_so_many_deliveries_and_no_more(
    platform: Platform, trigger: Trigger, event: Make, eventually: Eventually
) -> None:
    """At the bound an event is refused whole, naming setting and count; below it, one is taken."""
    gate = held(platform)
    broker = platform.start(trigger("x", "a"), bounds=Bounds(deliveries=3))
    for number in range(3):
        await broker.accept(event(str(number)))
    with pytest.raises(Busy, match=r"3 deliveries .*, and 3 may be \(TENDRIL_MAX_UNDELIVERED\)"):
        await broker.accept_all([event("3"), event("4")])
    assert broker.stats().accepted == 3
    gate.set()
    await eventually(lambda: broker.stats().delivered == 3)
    await broker.accept(event("3"))
    await eventually(lambda: broker.stats().delivered == 4)


async def test_what_a_restart_finds_counts(
    platform: Platform, trigger: Trigger, event: Make
) -> None:
    """Deliveries owed from before are deliveries owed."""
    held(platform)
    broker = platform.start(trigger("x", "a"), bounds=Bounds(deliveries=1))
    await broker.accept(event("1"))
    await platform.stop()
    broker = platform.start(trigger("x", "a"), bounds=Bounds(deliveries=1))
    with pytest.raises(Busy):
        await broker.accept(event("2"))


async def test_replies_are_taken(
    platform: Platform, trigger: Trigger, event: Make, eventually: Eventually
) -> None:
    """A reply is stored under pressure: refusing it would keep its delivery owed."""
    gate = held(platform, create(id="r", source="/r", type="b", data={}))
    platform.subscribers.hang("http://y/")
    broker = platform.start(trigger("x", "a"), trigger("y", "b"), bounds=Bounds(deliveries=1))
    await broker.accept(event("1"))
    gate.set()
    await eventually(lambda: platform.subscribers.ids("http://y/") == ["r"])
    assert broker.stats().failed == 0
    with pytest.raises(Busy):
        await broker.accept(event("2"))


async def test_hops_have_headroom(platform: Platform, trigger: Trigger, event: Make) -> None:
    """The events of flows that run are taken until twice the bound, for them to end."""
    platform.subscribers.hang("http://x/")
    platform.subscribers.hang("http://y/")
    broker = platform.start(
        trigger("x", "a"), trigger("y", "dev.tendril.hop"), bounds=Bounds(deliveries=2)
    )
    for number in range(2):
        await broker.accept(event(str(number)))
    hops = [event(f"hop {number}", "dev.tendril.hop") for number in range(3)]
    with pytest.raises(Busy):
        await broker.accept_all([hops[0], event("3")])
    await broker.accept(hops[0])
    await broker.accept(hops[1])
    with pytest.raises(Busy):
        await broker.accept(hops[2])


@pytest.mark.parametrize(("free", "taken"), [(251, True), (249, False)])
async def test_hops_have_headroom_on_disk(
    platform: Platform,
    trigger: Trigger,
    event: Make,
    eventually: Eventually,
    free: int,
    taken: bool,
) -> None:
    """They may use half of the disk that is kept free, and no more."""
    broker = platform.start(
        trigger("y", "dev.tendril.hop"), bounds=Bounds(free=500), free=lambda: free
    )
    await eventually(lambda: broker._pressure.reason is not None)
    with pytest.raises(Busy):
        await broker.accept(event("1"))
    if taken:
        await broker.accept(event("hop", "dev.tendril.hop"))
    else:
        with pytest.raises(Busy):
            await broker.accept(event("hop", "dev.tendril.hop"))


async def test_so_many_bytes_and_no_more(
    platform: Platform, trigger: Trigger, event: Make, eventually: Eventually
) -> None:
    """The bytes of undelivered events are bounded; once delivered they count no more."""
    gate = held(platform)
    broker = platform.start(trigger("x", "a"), bounds=Bounds(size=1_000_000))

    async def fill() -> None:
        for number in range(1000):
            await broker.accept(event(str(number), data="x" * 50_000))
            await asyncio.sleep(0.02)

    with pytest.raises(Busy, match=r"1000000 may be \(TENDRIL_MAX_UNDELIVERED_BYTES\)"):
        await fill()
    # a look each 0.25 s, an event each 0.02 s
    assert 20 <= broker.stats().stored < 100
    gate.set()
    await eventually(lambda: broker.stats().stored == 0)
    await eventually(lambda: broker._pressure.reason is None)
    await broker.accept(event("again"))


async def test_so_much_disk_stays_free(
    platform: Platform, trigger: Trigger, event: Make, eventually: Eventually, caplog: Any
) -> None:
    """Events are refused while less is free than has to be, which the log says once."""
    free = [1000]
    broker = platform.start(trigger("x", "a"), bounds=Bounds(free=500), free=lambda: free[0])
    await broker.accept(event("1"))
    free[0] = 499
    await eventually(lambda: "events are refused" in caplog.text)
    with pytest.raises(Busy, match=r"499 bytes .* 500 have to be \(TENDRIL_MIN_FREE_BYTES\)"):
        await broker.accept(event("2"))
    await asyncio.sleep(0.6)
    assert caplog.text.count("events are refused") == 1
    free[0] = 500
    await eventually(lambda: "events are taken again" in caplog.text)
    await broker.accept(event("2"))


async def test_the_disk_is_the_stores(
    platform: Platform, trigger: Trigger, event: Make, eventually: Eventually
) -> None:
    """Without being told, the broker looks at the disk its store lies on."""
    broker = platform.start(trigger("x", "a"), bounds=Bounds(free=1 << 60))
    await eventually(lambda: broker._pressure.reason is not None)
    with pytest.raises(Busy, match="free some disk space"):
        await broker.accept(event("1"))


async def test_a_disk_that_cannot_be_told_ends_nothing(
    platform: Platform, trigger: Trigger, eventually: Eventually, caplog: Any
) -> None:
    """After an error of the file system the broker looks again."""
    answers: list[int | OSError] = [1000, OSError("stale handle"), 0]

    def free() -> int:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, OSError):
            raise answer
        return answer

    broker = platform.start(trigger("x", "a"), bounds=Bounds(free=500), free=free)
    await eventually(lambda: "cannot tell how full the disk is: stale handle" in caplog.text)
    await eventually(lambda: broker._pressure.reason is not None)


def in_memory() -> int:
    """Return how many stored events are in memory."""
    gc.collect()
    return sum(isinstance(found, Kept) for found in gc.get_objects())


async def test_retries_let_go_of_their_events(
    platform: Platform, trigger: Trigger, event: Make, eventually: Eventually
) -> None:
    """Beside a thousand that wait for their retry, events are on disk alone, and come as sent."""
    spec = DeliverySpec(retry=9, backoff_policy=BackoffPolicy.EXPONENTIAL, backoff_delay=3)
    platform.subscribers.status("http://x/", 503)
    broker = platform.start(trigger("x", "a", spec))
    names = [f"{number:04}" for number in range(KEPT_IN_MEMORY + 500)]
    await broker.accept_all([event(name) for name in names])
    await eventually(lambda: broker.stats().retrying == len(names))
    assert in_memory() <= KEPT_IN_MEMORY + CONCURRENCY
    platform.subscribers.received.clear()
    platform.subscribers.status("http://x/", 202)
    await eventually(lambda: broker.stats().delivered == len(names))
    got = {each.id: each.data for each in platform.subscribers.received["http://x/"]}
    assert got == {name: event(name).data for name in names}


async def test_large_events_wait_on_disk(
    platform: Platform, trigger: Trigger, event: Make, eventually: Eventually
) -> None:
    """Large events behind another are not in memory; small ones are."""
    gate = held(platform)
    broker = platform.start(trigger("x", "a"), concurrency=1)
    await broker.accept_all([event(str(number), data="x" * LARGE) for number in range(20)])
    assert in_memory() <= 2
    await broker.accept_all([event(str(number)) for number in range(20, 25)])
    assert 5 <= in_memory() <= 7
    gate.set()
    await eventually(lambda: broker.stats().delivered == 25)
    assert platform.subscribers.ids("http://x/") == [str(number) for number in range(25)]
