"""Subscribers that fail: retries, the dead letters, and a sink that is down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from knative.delivery import DeliverySpec, Response

if TYPE_CHECKING:
    import pytest

    from events.envelope import Event
    from tests.knative.local.broker.conftest import Platform
    from tests.knative.local.broker.fixtures import Eventually, Make, Trigger


async def test_retries_then_success(
    platform: Platform, trigger: Trigger, event: Make, eventually: Eventually
) -> None:
    """A subscriber that fails is asked again until it takes the event."""
    broker = platform.start(trigger("x", "a"))
    platform.subscribers.status("http://x/", 503, 0, 429, 204)
    await broker.accept(event("1"))
    await eventually(lambda: broker.stats().stored == 0)
    assert platform.subscribers.ids("http://x/") == ["1"] * 4
    assert platform.subscribers.ids("http://sink/") == []


async def test_exhausted_retries_go_to_the_sink(
    platform: Platform, trigger: Trigger, event: Make, eventually: Eventually
) -> None:
    """After retry + 1 attempts the sink gets the original and the last answer."""
    broker = platform.start(trigger("x", "a"))
    platform.subscribers.status("http://x/", 500)
    await broker.accept(event("1"))
    await eventually(lambda: broker.stats().deadlettered == 1)
    assert len(platform.subscribers.ids("http://x/")) == 4
    [letter] = platform.subscribers.received["http://sink/"]
    assert letter.attributes["knativeerrordest"] == "http://x/"
    assert letter.attributes["knativeerrorcode"] == "500"
    assert letter.attributes["knativeerrordata"] == "d2h5"
    assert broker.stats().stored == 0


async def test_without_a_sink_the_event_is_dropped_and_said_so(
    platform: Platform,
    trigger: Trigger,
    event: Make,
    eventually: Eventually,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As on any broker; the log and a counter name it."""
    broker = platform.start(trigger("x", "a", DeliverySpec()))
    platform.subscribers.status("http://x/", 422)
    await broker.accept(event("1"))
    await eventually(lambda: broker.stats().dropped == 1)
    assert broker.stats().stored == 0
    assert "no dead-letter sink" in caplog.text


async def test_a_dead_letter_waits_for_its_sink(
    platform: Platform, trigger: Trigger, event: Make, eventually: Eventually
) -> None:
    """While the sink is down the letter is kept and visible, over a restart too."""
    broker = platform.start(trigger("x", "a"))
    platform.subscribers.status("http://x/", 422)
    platform.subscribers.status("http://sink/", 0, 400)
    await broker.accept(event("1"))
    await eventually(lambda: broker.stuck() and broker.stuck()[0].attempts == 2)
    [stuck] = broker.stuck()
    assert (stuck.source, stuck.id) == ("/test", "1")
    assert (stuck.trigger, stuck.sink, stuck.code) == ("default/x", "http://sink/", 422)
    assert "answered 422 after 1 attempt" in stuck.reason
    await platform.stop()
    platform.subscribers.status("http://sink/", 200)
    broker = platform.start(trigger("x", "a"))
    await eventually(lambda: broker.stats().deadlettered == 1)
    assert broker.stuck() == []
    assert len(platform.subscribers.ids("http://x/")) == 1
    assert set(platform.subscribers.ids("http://sink/")) == {"1"}


async def test_a_deliverer_with_a_defect_loses_nothing(
    platform: Platform,
    trigger: Trigger,
    event: Make,
    eventually: Eventually,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An unexpected exception counts as no response, and its trace is logged."""
    broker = platform.start(trigger("x", "a"))

    async def answer(_: Event) -> Response:
        raise ZeroDivisionError

    platform.subscribers.answers["http://x/"] = answer
    await broker.accept(event("1"))
    await eventually(lambda: broker.stats().deadlettered == 1)
    assert "ZeroDivisionError" in caplog.text
