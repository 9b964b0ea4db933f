"""The local broker: accepts events durably, matches them against Triggers, dispatches.

It promises what the weakest production broker promises, at-least-once delivery without order,
and keeps that promise whatever kills the process: an accepted event is on disk.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from events.attributes import EnvelopeError, canonical
from events.vocabulary import OWN_PREFIX
from knative.local import exchange
from knative.local.dispatch import Dispatcher, TtlUsedUp
from knative.local.matching import TriggerIndex, TriggerSpec
from knative.local.pressure import HEADROOM, Bounds, Busy, Pressure
from knative.local.stats import Judged, Stats, StuckLetter, stuck
from knative.local.store import Store
from knative.local.tables import Change, Kept, Owed, StoreError
from knative.local.trigger_queue import CONCURRENCY, Delivery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from events.envelope import Event
    from knative.delivery import Deliver
    from knative.local.disorder import Disorder

DEFAULT_ADDRESS: Final = "default/default"
DEFAULT_TTL: Final = 255
"""Subscribers an event and the replies it leads to may pass, one after the other."""

NO_BOUNDS: Final = Bounds()

PARTITION: Final = "partitionkey"
"""The extension that an ordered Trigger goes by."""

_TTL: Final = re.compile(r"-?[0-9]{1,10}")


class UnknownBroker(LookupError):  # noqa: N818 - what happened to the event
    """There is no Broker of this namespace and name."""


class NotAccepting(Exception):  # noqa: N818 - a state
    """The broker has not started or is stopping."""


class Broker:
    """All Brokers of one platform, over one store; `addresses` are `namespace/name`.

    `free` says how many bytes of disk are free; without it, those of the store's folder.
    """

    def __init__(
        self,
        store_path: Path,
        triggers: Sequence[TriggerSpec],
        deliver: Deliver,
        *,
        now: Callable[[], float],
        addresses: Iterable[str] = (DEFAULT_ADDRESS,),
        concurrency: int = CONCURRENCY,
        disorder: Disorder | None = None,
        bounds: Bounds = NO_BOUNDS,
        free: Callable[[], int] | None = None,
    ) -> None:
        self._triggers = {trigger.key: trigger for trigger in triggers}
        self._indexes = {
            address: TriggerIndex(t for t in triggers if t.broker == address)
            for address in addresses
        }
        self._now = now
        self._store = Store(store_path)
        self._dispatcher = Dispatcher(
            self._store,
            deliver,
            self._publish,
            now,
            concurrency=concurrency,
            disorder=disorder,
        )
        # the check of an arriving event is this one comparison
        self._most = bounds.deliveries or sys.maxsize
        self._pressure = Pressure(
            bounds, self._store.used, free or (lambda: shutil.disk_usage(store_path.parent).free)
        )
        self._accepting = False
        self._storing = True
        self._accepted = 0
        self._unmatched = 0
        self._orphaned = 0

    def start(self) -> None:
        """Open the store and resume every delivery it owes; raises StoreError."""
        owed = self._store.open()
        known = [row for row in owed if row.trigger in self._triggers]
        self._orphaned = len(owed) - len(known)
        ordered = any(trigger.ordered for trigger in self._triggers.values())
        partitions = self._store.partitions() if ordered else {}
        self._dispatcher.take(self._resumed(row, partitions) for row in known)
        self._pressure.start()
        self._accepting = True

    async def drain(self, grace: float = 30.0) -> None:
        """Begin no delivery, give those under way `grace` seconds, then close the store.

        Events are accepted until then, for the functions under way to emit; what is not
        delivered waits on disk for the next start.
        """
        self._pressure.stop()
        await self._dispatcher.stop(grace)
        self._accepting = False
        await self._store.close()

    async def accept(self, event: Event, address: str = DEFAULT_ADDRESS) -> None:
        """Take one event: on return it is on disk, unless no Trigger wants it."""
        await self.accept_all([event], address)

    async def accept_all(self, events: Sequence[Event], address: str = DEFAULT_ADDRESS) -> None:
        """Take all events in one transaction, or none.

        Raises UnknownBroker, NotAccepting, Busy, StoreError, or EnvelopeError for a TTL that is
        none or used up.
        """
        if address not in self._indexes:
            raise UnknownBroker(address)
        if not self._accepting:
            raise NotAccepting
        if self._dispatcher.live >= self._most or self._pressure.reason is not None:
            self._make_room_for(events)
        arrived = [(event, _ttl(event)) for event in events]
        await self._take(arrived, address, None)
        self._accepted += len(arrived)

    def stats(self) -> Stats:
        """Return the present counts."""
        dispatcher, counters = self._dispatcher, self._dispatcher.counters
        return Stats(
            stored=dispatcher.live,
            pending=dispatcher.waiting,
            active=dispatcher.active,
            retrying=dispatcher.timed,
            dead=len(dispatcher.dead),
            orphaned=self._orphaned,
            accepted=self._accepted,
            unmatched=self._unmatched,
            delivered=counters.delivered,
            failed=counters.failed,
            deadlettered=counters.deadlettered,
            dropped=counters.dropped,
        )

    def judge(self, event: Event | None) -> list[Judged]:
        """Return every Trigger, and why the event, which is not taken, would not go to it."""
        named = _named(event) if event else {}
        return [
            Judged(
                trigger,
                trigger.filter.failure(named) if event else "",
                self._dispatcher.load(trigger.key),
            )
            for trigger in self._triggers.values()
        ]

    def stuck(self) -> list[StuckLetter]:
        """Return the dead letters that their sinks have refused so far."""
        return [stuck(delivery) for delivery in self._dispatcher.dead if delivery.attempt]

    def _make_room_for(self, events: Sequence[Event]) -> None:
        """Raise Busy, but for the hops of flows that run, while there is headroom."""
        own = all(event.type.startswith(OWN_PREFIX) for event in events)
        live = self._dispatcher.live
        if own and live < self._most * HEADROOM and not self._pressure.exhausted:
            return
        raise Busy(
            self._pressure.reason
            or f"{live} deliveries are not done yet, and {self._most} may be"
            " (TENDRIL_MAX_UNDELIVERED)"
        )

    async def _publish(self, reply: Event, answered: Kept, ends: int | None) -> bool:
        """Accept a subscriber's reply and end its delivery with the same commit."""
        ttl = answered.ttl - 1
        if ttl <= 0:
            message = f"the reply's {exchange.TTL} is used up: do its flows answer each other?"
            raise TtlUsedUp(message)
        committed = await self._take([(reply, ttl)], answered.broker, ends)
        self._accepted += 1
        return committed and ends is not None

    async def _take(self, arrived: list[tuple[Event, int]], address: str, ends: int | None) -> bool:
        """Match and store; return whether there was anything to commit."""
        change, deliveries = Change(), list[Delivery]()
        when = datetime.fromtimestamp(self._now(), UTC)
        for event, ttl in arrived:
            self._route(exchange.arrived(event, when), ttl, address, change, deliveries)
        if not deliveries:
            return False
        if ends is not None:
            change.finished.append(ends)
        await self._commit(change, deliveries, reply=ends is not None)
        return True

    def _route(
        self, event: Event, ttl: int, address: str, change: Change, deliveries: list[Delivery]
    ) -> None:
        named = _named(event)
        triggers = self._indexes[address].match(named)
        if not triggers:  # such events vanish, as they do on a production broker
            self._unmatched += 1
            return
        kept = Kept(self._store.event_number(), address, ttl, event)
        change.events.append(kept)
        for trigger in triggers:
            delivery = Delivery(self._store.delivery_number(), kept.seq, trigger, kept)
            if trigger.ordered:
                delivery.partition = named.get(PARTITION)
            change.deliveries.append(delivery.owed())
            deliveries.append(delivery)

    async def _commit(self, change: Change, deliveries: list[Delivery], *, reply: bool) -> None:
        """Store and dispatch: after the commit, but a reply beside it.

        Nobody was told yet that a reply is stored: should the commit fail, the delivery it
        answers is still owed, and made again. While commits fail, replies wait for theirs.
        """
        early = reply and self._storing
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def committed(error: StoreError | None) -> None:
            # What is on disk is dispatched, also when the one who asked has gone away.
            self._storing = error is None
            if error is None and not early:
                self._dispatcher.take(deliveries)
            if done.done():
                return
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)

        if early:
            self._dispatcher.take(deliveries)  # first, for it waits for less
        self._store.write(change, committed)
        await done

    def _resumed(self, row: Owed, partitions: Mapping[int, str]) -> Delivery:
        trigger = self._triggers[row.trigger]
        waits = trigger.ordered and row.failure is None
        return Delivery(
            id=row.id,
            event=row.event,
            trigger=trigger,
            attempt=row.attempt,
            due=row.due,
            failure=row.failure,
            partition=partitions.get(row.event) if waits else None,
        )


def _named(event: Event) -> dict[str, str]:
    """Return an event's attributes as filters see them."""
    return {
        name: value if isinstance(value, str) else canonical(value)
        for name, value in event.attributes.items()
    }


def _ttl(event: Event) -> int:
    """Return an arriving event's TTL: one less than it says, as it has passed a subscriber."""
    given = event.get(exchange.TTL)
    if given is None:
        return DEFAULT_TTL
    if not _TTL.fullmatch(given):
        raise EnvelopeError(exchange.TTL, "must be an integer")
    if int(given) <= 1:
        raise EnvelopeError(exchange.TTL, "is used up: this event has passed too many subscribers")
    return int(given) - 1
