"""Claims about what a service's answer means to the broker: real broker, courier and process."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from events.envelope import create
from knative import filters
from knative.delivery import DeliverySpec
from knative.local.broker import Broker
from knative.local.courier import Courier
from knative.local.matching import TriggerSpec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

SERVICE = "http://{name}.default.svc.cluster.local{path}"
DEAD = "default/dead"
SINK = f"http://broker-ingress.knative-eventing.svc.cluster.local/{DEAD}"


@asynccontextmanager
async def brokered(folder: Path, activator: Any, url: str, **spec: Any) -> AsyncIterator[Broker]:
    """Run a broker with one Trigger to `url`; its dead letters go to a second Broker, and end."""
    courier = Courier(activator)
    delivery = DeliverySpec(dead_letter_sink=SINK, **spec)
    trigger = TriggerSpec("x", url, filters.compile(), delivery=delivery)
    addresses = (trigger.broker, DEAD)
    broker = Broker(
        folder / "broker.db", [trigger], courier.deliver, now=time.time, addresses=addresses
    )
    courier.broker = broker
    broker.start()
    try:
        yield broker
    finally:
        await broker.drain(0)


async def send(broker: Broker) -> None:
    """Accept one event."""
    await broker.accept(create(id="1", source="/test", type="a", data={}))


@pytest.mark.parametrize(
    ("name", "path", "failed", "reason"),
    [
        ("echo", "/moved", 1, "the subscriber answered 302 after 1 attempt"),
        ("echo", "/slow?seconds=30", 2, "no response after 2 attempts: echo did not answer"),
        ("echo", "/hang-up", 2, "no response after 2 attempts: echo: "),
        ("nobody", "/", 2, "the subscriber answered 404 after 2 attempts"),
    ],
)
async def test_what_a_service_may_not_answer(
    platform: Any,
    until: Any,
    tmp_path: Path,
    caplog: Any,
    name: str,
    path: str,
    failed: int,
    reason: str,
) -> None:
    """A redirect is a failure and not followed; no answer and no service are tried again."""
    url = SERVICE.format(name=name, path=path)
    async with (
        platform() as echo,
        brokered(tmp_path, echo.activator, url, retry=1, timeout=3.0) as broker,
    ):
        await echo.call()  # it is warm: the time-out is for the answer
        await send(broker)
        await until(lambda: broker.stats().deadlettered == 1)
        assert broker.stats().failed == failed
        assert reason in caplog.text
        if path == "/moved":  # who hung up may be on its way out
            assert (await echo.call("/seen"))["asked"] == 1, "the redirect was followed"


async def test_a_service_is_the_subscriber(platform: Any, until: Any, tmp_path: Path) -> None:
    """A cold service is woken by an event and gets it once; a 2xx without a body is done."""
    url = SERVICE.format(name="echo", path="/take")
    async with platform() as echo, brokered(tmp_path, echo.activator, url) as broker:
        await send(broker)
        await until(lambda: broker.stats().delivered == 1)
        assert echo.status["coldStarts"] == 1
        assert (await echo.call("/seen"))["taken"] == ["1"]
        assert broker.stats().failed == 0
