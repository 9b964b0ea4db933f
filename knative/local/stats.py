"""What the broker tells of itself: counts, and the dead letters that nobody takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from knative.local.matching import TriggerSpec
    from knative.local.trigger_queue import Delivery


@dataclass(slots=True)
class Counters:
    """What happened since the start; `failed` counts attempts, the others deliveries."""

    delivered: int = 0
    failed: int = 0
    deadlettered: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Stats:
    """What the broker holds now, and what it did since it started.

    `stored` deliveries are waiting for a slot (`pending`), under way (`active`) or wait for
    their next attempt (`retrying`); `dead` ones are given up and not yet taken by their sink;
    `orphaned` ones belong to Triggers that are gone.
    """

    stored: int
    pending: int
    active: int
    retrying: int
    dead: int
    orphaned: int
    accepted: int
    unmatched: int
    delivered: int
    failed: int
    deadlettered: int
    dropped: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """How the last attempt of a Trigger failed, and at what Unix time."""

    at: float
    reason: str


@dataclass(frozen=True, slots=True)
class Load:
    """What one Trigger has to deliver: without a slot, and under way."""

    waiting: int
    active: int
    trouble: Trouble | None


@dataclass(frozen=True, slots=True)
class Judged:
    """A Trigger, and why an event would not go to it; without a reason, it would."""

    trigger: TriggerSpec
    failure: str
    load: Load


@dataclass(frozen=True, slots=True)
class StuckLetter:
    """A dead letter its sink does not take: kept and tried again until it does.

    `source` and `id` name the event; `due` is the next try's Unix time.
    """

    source: str
    id: str
    trigger: str
    sink: str
    code: int
    reason: str
    attempts: int
    due: float


def stuck(delivery: Delivery) -> StuckLetter:
    """Describe a delivery that was given up."""
    assert delivery.failure is not None
    return StuckLetter(
        source=delivery.failure.source,
        id=delivery.failure.id,
        trigger=delivery.trigger.key,
        sink=delivery.trigger.delivery.dead_letter_sink or "",
        code=delivery.failure.code,
        reason=delivery.failure.reason,
        attempts=delivery.attempt,
        due=delivery.due,
    )
