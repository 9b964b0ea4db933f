"""Property: in any interleaving of events, failures and restarts, everything ends somewhere."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from events.envelope import create, parse
from knative import filters
from knative.delivery import BackoffPolicy, DeliveryFailed, DeliverySpec, Response
from knative.local.broker import Broker
from knative.local.disorder import Disorder
from knative.local.matching import TriggerSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

STATUSES = (0, 200, 202, 400, 404, 422, 429, 500, 503)
SPEC = DeliverySpec(
    retry=2,
    backoff_policy=BackoffPolicy.EXPONENTIAL,
    backoff_delay=0.001,
    dead_letter_sink="http://sink/",
)

steps = st.lists(
    st.one_of(
        st.tuples(st.just("accept"), st.integers(1, 4)),
        st.tuples(st.just("turn"), st.integers(1, 5)),
        st.tuples(st.just("restart"), st.just(0)),
    ),
    max_size=12,
)
disorders = st.none() | st.builds(
    Disorder,
    seed=st.integers(0, 99),
    duplicate=st.just(0.3),
    delay=st.just(0.3),
    longest=st.just(0.005),
    reorder=st.just(0.3),
)


class World:
    """Two subscribers that obey a script, a sink that is down at first, and what they saw."""

    def __init__(self, path: Path, script: Sequence[int], disorder: Disorder | None) -> None:
        self.path = path
        self.script = list(script)
        self.disorder = disorder
        self.taken: set[tuple[str, str]] = set()
        self.buried: set[tuple[str, str]] = set()
        self.accepted: list[str] = []
        self.sink_refusals = 2

    async def deliver(
        self, url: str, headers: dict[str, str], body: bytes, seconds: float
    ) -> Response:
        """Answer with the script's next status, 202 once it has ended."""
        assert seconds > 0
        event = parse(headers.items(), body)
        await asyncio.sleep(0)
        if url == SPEC.dead_letter_sink:
            return self._bury(str(event.attributes["knativeerrordest"]), event.id)
        status = self.script.pop() if self.script else 202
        if status == 0:
            raise DeliveryFailed("nobody there")
        if status < 300:
            self.taken.add((url, event.id))
        return Response(status, [])

    def _bury(self, url: str, name: str) -> Response:
        if self.sink_refusals:
            self.sink_refusals -= 1
            return Response(503, [])
        self.buried.add((url, name))
        return Response(202, [])

    def broker(self) -> Broker:
        """Start a broker on the world's file."""
        compiled = filters.compile()
        triggers = [TriggerSpec(n, f"http://{n}/", compiled, delivery=SPEC) for n in ("x", "y")]
        made = Broker(self.path, triggers, self.deliver, now=time.time, disorder=self.disorder)
        made.start()
        return made

    async def run(self, plan: Sequence[tuple[str, int]]) -> None:
        """Act out a plan, then wait until nothing is owed."""
        broker = self.broker()
        for verb, count in plan:
            if verb == "accept":
                names = [str(len(self.accepted) + n) for n in range(count)]
                await broker.accept_all(
                    [create(id=n, source="/", type="a", data={}) for n in names]
                )
                self.accepted += names
            elif verb == "turn":
                for _ in range(count):
                    await asyncio.sleep(0)
            else:
                await broker.drain(0)
                broker = self.broker()
        deadline = time.monotonic() + 20
        while broker.stats().stored and time.monotonic() < deadline:  # noqa: ASYNC110 - a poll with an end
            await asyncio.sleep(0.002)
        assert broker.stats().stored == 0, broker.stats()
        await broker.drain(0)


@settings(max_examples=40, deadline=None)
@given(steps, st.lists(st.sampled_from(STATUSES), max_size=30), disorders)
def test_every_accepted_event_ends_at_a_subscriber_or_a_sink(
    plan: list[tuple[str, int]], script: list[int], disorder: Disorder | None
) -> None:
    """For each Trigger, each event was taken by the subscriber or stored by the sink."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder) / "broker.db", script, disorder)
        asyncio.run(world.run(plan))
    due = {(f"http://{name}/", event) for name in ("x", "y") for event in world.accepted}
    assert due <= world.taken | world.buried
