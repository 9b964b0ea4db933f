"""What the fixtures of the broker's tests are called as, and a delivery that several share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from knative.delivery import BackoffPolicy, DeliverySpec

if TYPE_CHECKING:
    from knative.local.matching import TriggerSpec

Make = Callable[..., Any]
Eventually = Callable[..., Awaitable[None]]
Trigger = Callable[..., "TriggerSpec"]

HOURLY = DeliverySpec(
    retry=2,
    backoff_policy=BackoffPolicy.EXPONENTIAL,
    backoff_delay=3600,
    dead_letter_sink="http://sink/",
)
