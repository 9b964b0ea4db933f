"""Ordered delivery: one at a time for each Trigger and partition key, in order of arrival.

Where a Trigger asks for it, an event with a `partitionkey` is begun only when the one before it
in its lane is done: delivered, given up or dropped. Events without a key have no order, and
lanes do not wait for each other. Source: Knative's Kafka broker, `delivery.order: ordered`, and
the CloudEvents extension `partitioning`.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from knative.local.trigger_queue import KEPT_IN_MEMORY

if TYPE_CHECKING:
    from knative.local.trigger_queue import Delivery

Lane = tuple[str, str]


class Lanes:
    """The deliveries that have an order; the first of each lane is the one that may run."""

    def __init__(self) -> None:
        self._lanes: dict[Lane, deque[Delivery]] = {}
        self.waiting = 0

    def enter(self, delivery: Delivery) -> bool:
        """Line up at the end; say whether nothing is before it."""
        lane = self._lanes.setdefault(_lane(delivery), deque())
        lane.append(delivery)
        if len(lane) == 1:
            return True
        self.waiting += 1
        if self.waiting > KEPT_IN_MEMORY:
            delivery.kept = None  # read back when it is its turn
        return False

    def leave(self, delivery: Delivery) -> Delivery | None:
        """Let go of the first of a lane, and return the one whose turn it is then."""
        name = _lane(delivery)
        lane = self._lanes[name]
        lane.popleft()
        if not lane:
            del self._lanes[name]
            return None
        self.waiting -= 1
        return lane[0]


def _lane(delivery: Delivery) -> Lane:
    assert delivery.partition is not None
    return delivery.trigger.key, delivery.partition
