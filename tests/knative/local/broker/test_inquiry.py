"""`/triggers`: what the broker says of its Triggers and of an event that it is only shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from events.envelope import create
from knative import filters
from knative.delivery import BackoffPolicy, DeliverySpec
from knative.local.inquiry import PATH, Inquiry
from knative.local.matching import TriggerSpec
from tests.support.local_platform import until

if TYPE_CHECKING:
    from events.envelope import Event
    from knative.local.stats import Judged

URL = "http://busy.example"
TRIGGER = TriggerSpec(
    name="orders",
    subscriber=URL,
    filter=filters.compile(filters=[{"exact": {"type": "order"}}]),
    delivery=DeliverySpec(
        retry=5, backoff_policy=BackoffPolicy.EXPONENTIAL, backoff_delay=60.0, timeout=5.0
    ),
)


class Judges:
    """A broker that has been asked before."""

    def __init__(self, judged: list[Judged]) -> None:
        self.judged = judged
        self.shown: list[Event | None] = []

    def judge(self, event: Event | None) -> list[Judged]:
        self.shown.append(event)
        return self.judged


async def test_a_trigger_tells_of_its_last_failure(platform: Any) -> None:
    """What is under way, how the last attempt failed, and nothing more once one succeeded."""
    broker = platform.start(TRIGGER)
    [before] = broker.judge(None)
    assert (before.load.waiting, before.load.active, before.load.trouble) == (0, 0, None)
    platform.subscribers.status(URL, 503)
    await broker.accept(create(id="1", source="/a", type="order"))

    async def failed() -> bool:
        return broker.judge(None)[0].load.trouble is not None

    await until(failed, 10, "the first attempt failed")
    trouble = broker.judge(None)[0].load.trouble
    assert trouble.reason.startswith("the subscriber answered 503 after 1 attempt")
    platform.subscribers.status(URL, 200)
    await broker.accept(create(id="2", source="/a", type="order"))

    async def delivered() -> bool:
        return broker.judge(None)[0].load.trouble is None

    await until(delivered, 10, "the second event was delivered")


async def test_an_event_is_judged_and_not_taken(platform: Any) -> None:
    """Whether it would go there, and by which attribute not; nothing is delivered or stored."""
    broker = platform.start(TRIGGER)
    [passed] = broker.judge(create(id="1", source="/a", type="order"))
    [failed] = broker.judge(create(id="1", source="/a", type="other"))
    assert (passed.failure, failed.failure) == ("", "type is 'other', not 'order'")
    assert broker.stats().accepted == 0
    app = Starlette(
        routes=[
            Route(PATH, Inquiry(Judges([passed])).listed),
            Route(PATH, Inquiry(Judges([failed])).judged, methods=["POST"]),
        ]
    )
    client = TestClient(app)
    [listed] = client.get(PATH).json()["triggers"]
    assert (listed["name"], listed["filter"]) == ("default/orders", "type is 'order'")
    event = {"specversion": "1.0", "id": "1", "source": "/a", "type": "other"}
    [told] = client.post(PATH, json=event).json()["triggers"]
    assert (told["matches"], told["reason"]) == (False, "type is 'other', not 'order'")
    refused = client.post(PATH, content=b"{}")
    assert refused.status_code == 400
    assert refused.headers["content-type"] == "application/problem+json"
