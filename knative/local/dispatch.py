"""Gets what the broker accepted to the subscribers: a queue per Trigger, retries, dead letters.

Nothing is decided here: `knative.delivery` says what follows an attempt. A Trigger's slow or
failing subscriber takes slots of its own queue only, and a waiting retry takes none.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from events.envelope import Event
from knative.delivery import (
    DEFAULT_TIMEOUT,
    DeadLetter,
    Decision,
    Deliver,
    DeliveryFailed,
    DeliverySpec,
    Done,
    NotAnswered,
    Outcome,
    ReplyNotStored,
    ReplyRefused,
    RetryAt,
    decide,
    decide_sink,
    why_failed,
)
from knative.local import exchange
from knative.local.exchange import Failure
from knative.local.lanes import Lanes
from knative.local.stats import Counters, Load, Trouble
from knative.local.tables import Kept, StoreError
from knative.local.trigger_queue import CONCURRENCY, KEPT_IN_MEMORY, Delivery, TriggerQueue

if TYPE_CHECKING:
    from knative.local.disorder import Disorder
    from knative.local.store import Store

_LOG: Final = logging.getLogger(__name__)

LONG_WAIT: Final = 5.0
"""Seconds; who waits longer for a retry lets go of the event in memory, as do those who wait
beside many others."""

STORE_PAUSE: Final = 1.0
"""Seconds until the next try when the store, or this very code, failed."""


class TtlUsedUp(Exception):  # noqa: N818 - what happened to the reply
    """A reply has passed too many subscribers: its `knativebrokerttl` is used up."""


Publish = Callable[[Event, Kept, int | None], Awaitable[bool]]
"""(reply, the event it answers, the delivery it ends) -> whether that end is committed with it.

Raises StoreError when the reply is not stored, TtlUsedUp when it never will be.
"""


class Dispatcher:
    """Delivers until every delivery is done; all its state is in the store as well."""

    def __init__(
        self,
        store: Store,
        deliver: Deliver,
        publish: Publish,
        now: Callable[[], float],
        *,
        concurrency: int = CONCURRENCY,
        disorder: Disorder | None = None,
    ) -> None:
        self.counters = Counters()
        self._store = store
        self._deliver = deliver
        self._publish = publish
        self._now = now
        self._concurrency = concurrency
        self._waits = None if disorder is None else disorder.waits()
        self._losses = None if disorder is None else disorder.losses()
        self._queues: dict[str, TriggerQueue] = {}
        self._lanes = Lanes()
        self._references: dict[int, int] = {}
        self._timers: set[asyncio.TimerHandle] = set()
        self._dead: dict[int, Delivery] = {}
        self._troubles: dict[str, Trouble] = {}
        self._live = 0
        self._stopped = False

    @property
    def live(self) -> int:
        """Deliveries that are not done."""
        return self._live

    @property
    def waiting(self) -> int:
        """Deliveries without a slot: in a queue, or behind another in their order."""
        return self._lanes.waiting + sum(queue.waiting for queue in self._queues.values())

    @property
    def active(self) -> int:
        """Attempts under way."""
        return sum(queue.active for queue in self._queues.values())

    @property
    def timed(self) -> int:
        """Deliveries that wait for their next attempt's time."""
        return len(self._timers)

    @property
    def dead(self) -> list[Delivery]:
        """Deliveries given up that their sink has not taken yet."""
        return list(self._dead.values())

    def load(self, trigger: str) -> Load:
        """Return what a Trigger has to deliver, and why its last attempt failed, if it did."""
        queue = self._queues.get(trigger)
        trouble = self._troubles.get(trigger)
        return Load(queue.waiting if queue else 0, queue.active if queue else 0, trouble)

    def take(self, deliveries: Iterable[Delivery]) -> None:
        """Begin with deliveries that are on disk: new ones, or those a restart found."""
        now = self._now()
        for delivery in deliveries:
            self._live += 1
            references = self._references.get(delivery.event, 0)
            self._references[delivery.event] = references + 1
            if delivery.failure is not None:
                self._dead[delivery.id] = delivery
            if delivery.partition is None or self._lanes.enter(delivery):
                self._schedule(delivery, delivery.due - now)

    async def stop(self, grace: float) -> None:
        """Start nothing more and let attempts under way end within `grace` seconds."""
        self._stopped = True
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        queues = list(self._queues.values())
        await asyncio.gather(*(queue.stop(grace) for queue in queues))

    def _schedule(self, delivery: Delivery, wait: float) -> None:
        if self._stopped:  # it is on disk for the next start
            return
        if self._waits is not None:
            more, again = next(self._waits)
            wait = max(wait, 0.0) + more
            if again is not None:
                self._at(replace(delivery, ghost=True), again)
        self._at(delivery, wait)

    def _at(self, delivery: Delivery, wait: float) -> None:
        if wait <= 0:
            self._queue(delivery).offer(delivery)
            return

        def fire() -> None:
            self._timers.discard(timer)
            self._queue(delivery).offer(delivery)

        timer = asyncio.get_running_loop().call_later(wait, fire)
        self._timers.add(timer)

    def _queue(self, delivery: Delivery) -> TriggerQueue:
        key = delivery.trigger.key
        if key not in self._queues:
            self._queues[key] = TriggerQueue(self._attempt, self._concurrency)
        return self._queues[key]

    async def _attempt(self, delivery: Delivery) -> None:
        try:
            kept = delivery.kept or await self._store.load(delivery.event)
        except StoreError as error:
            _LOG.warning("cannot read event %d back: %s", delivery.event, error)
            self._schedule(delivery, STORE_PAUSE)
            return
        if kept is None:
            self._missing(delivery)
            return
        delivery.kept = kept
        try:
            await self._forward(delivery, kept)
        except Exception:  # noqa: BLE001 - a defect must not strand what is on disk
            _LOG.exception("trigger %s, event %d", delivery.trigger.key, delivery.event)
            self._schedule(delivery, STORE_PAUSE)

    def _missing(self, delivery: Delivery) -> None:
        """Drop a delivery whose event is gone: a ghost that came after everything was done."""
        if not delivery.ghost:
            _LOG.error("trigger %s, event %d is not stored", delivery.trigger.key, delivery.event)
            self._end(delivery, committed=False)

    async def _forward(self, delivery: Delivery, kept: Kept) -> None:
        if delivery.failure is None and self._losses is not None and next(self._losses):
            self._lose(delivery)
        elif delivery.failure is None:
            await self._to_subscriber(delivery, kept)
        else:
            await self._to_sink(delivery, kept, delivery.failure)

    def _lose(self, delivery: Delivery) -> None:
        """End a delivery that was never made, as disorder wants it."""
        if not delivery.ghost:
            self.counters.dropped += 1
            self._end(delivery, committed=False)

    async def _to_subscriber(self, delivery: Delivery, kept: Kept) -> None:
        trigger = delivery.trigger
        outcome, reply = await self._send(trigger.subscriber, kept.event, trigger.delivery)
        committed = False
        if reply is not None:
            ends = None if delivery.ghost else delivery.id
            try:
                committed = await self._publish(reply, kept, ends)
            except StoreError as error:
                outcome = ReplyNotStored(str(error))
            except TtlUsedUp as error:
                outcome = ReplyRefused(str(error))
        if not delivery.ghost:
            delivery.attempt += 1
            await self._follow(delivery, kept, outcome, committed=committed)

    async def _follow(
        self, delivery: Delivery, kept: Kept, outcome: Outcome, *, committed: bool
    ) -> None:
        decision = decide(outcome, delivery.attempt, delivery.trigger.delivery)
        self._note(delivery, outcome, decision)
        match decision:
            case Done():
                self.counters.delivered += 1
                self._end(delivery, committed=committed)
            case RetryAt(wait):
                self._retry(delivery, wait)
            case DeadLetter():
                await self._give_up(delivery, kept, decision)

    def _note(self, delivery: Delivery, outcome: Outcome, decision: Decision) -> None:
        """Remember how a Trigger's last attempt failed, until one succeeds."""
        key = delivery.trigger.key
        if isinstance(decision, Done):
            self._troubles.pop(key, None)
        else:
            self._troubles[key] = Trouble(self._now(), why_failed(outcome, delivery.attempt))

    async def _give_up(self, delivery: Delivery, kept: Kept, decision: DeadLetter) -> None:
        self.counters.failed += 1
        trigger = delivery.trigger
        lost = trigger.delivery.dead_letter_sink is None
        _LOG.warning(
            "trigger %s, event %d: %s; %s",
            trigger.key,
            delivery.event,
            decision.reason,
            "dropped, as the trigger has no dead-letter sink" if lost else "to the dead letters",
        )
        if lost:
            self.counters.dropped += 1
            self._end(delivery, committed=False)
            return
        delivery.failure = Failure.of(
            kept.event, trigger.subscriber, decision.code, decision.reason, decision.data
        )
        delivery.attempt, delivery.due = 0, 0.0
        self._dead[delivery.id] = delivery
        self._store.update(delivery.owed())
        self._let_pass(delivery)
        await self._to_sink(delivery, kept, delivery.failure)

    async def _to_sink(self, delivery: Delivery, kept: Kept, failure: Failure) -> None:
        spec = delivery.trigger.delivery
        if spec.dead_letter_sink is None:  # the Trigger was changed over a restart
            self.counters.dropped += 1
            self._end(delivery, committed=False)
            return
        letter = exchange.dead_letter(kept.event, failure)
        # A sink's reply is no event of this broker: production brokers differ, so it is ignored.
        outcome, _ = await self._send(spec.dead_letter_sink, letter, spec)
        if delivery.ghost:
            return
        delivery.attempt += 1
        match decide_sink(outcome, delivery.attempt):
            case Done():
                self.counters.deadlettered += 1
                self._end(delivery, committed=False)
            case RetryAt(wait):
                self._retry(delivery, wait)

    async def _send(
        self, url: str, event: Event, spec: DeliverySpec
    ) -> tuple[Outcome, Event | None]:
        headers, body = exchange.request(event, spec.format)
        try:
            response = await self._deliver(url, headers, body, spec.timeout or DEFAULT_TIMEOUT)
        except DeliveryFailed as error:
            return NotAnswered(str(error)), None
        except Exception as error:  # noqa: BLE001 - whatever the deliverer's defect, it is no response
            _LOG.exception("delivering to %s", url)
            return NotAnswered(f"{type(error).__name__}: {error}"), None
        return exchange.read(response, datetime.fromtimestamp(self._now(), UTC))

    def _retry(self, delivery: Delivery, wait: float) -> None:
        self.counters.failed += 1
        delivery.due = self._now() + wait
        self._store.update(delivery.owed())
        if wait > LONG_WAIT or len(self._timers) >= KEPT_IN_MEMORY:
            delivery.kept = None
        self._schedule(delivery, wait)

    def _end(self, delivery: Delivery, *, committed: bool) -> None:
        """Close a delivery; `committed` says that its row is gone already."""
        self._live -= 1
        self._dead.pop(delivery.id, None)
        self._let_pass(delivery)
        if not committed:
            self._store.finish(delivery.id)
        self._references[delivery.event] -= 1
        if not self._references[delivery.event]:
            del self._references[delivery.event]
            self._store.forget(delivery.event)

    def _let_pass(self, delivery: Delivery) -> None:
        """Begin with the next one in order, if this one had anything behind it."""
        if delivery.partition is None:
            return
        following = self._lanes.leave(delivery)
        delivery.partition = None
        if following is not None:
            self._schedule(following, following.due - self._now())
