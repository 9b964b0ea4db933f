"""From resources to what the local broker runs: Triggers with URLs and seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from knative import filters
from knative.delivery import BROKER_DEFAULT, BackoffPolicy, DeliverySpec
from knative.local.addresses import url_of
from knative.local.matching import TriggerSpec
from knative.resources import Broker, Trigger

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import timedelta

    from knative.resources import DeliverySpec as Written
    from knative.resources import Resource


ORDER: Final = "kafka.eventing.knative.dev/delivery.order"
"""The annotation of Knative's Kafka broker, kept here as it is understood there."""
ORDERED, UNORDERED = "ordered", "unordered"


class WiringError(ValueError):
    """Resources that do not fit together."""


def brokers(resources: Iterable[Resource]) -> list[str]:
    """Return the brokers as `namespace/name`; the namespace `services` is the gateway's."""
    found = [f"{b.namespace}/{b.name}" for b in resources if isinstance(b, Broker)]
    reserved = [address for address in found if address.startswith("services/")]
    if reserved:
        raise WiringError(f"the broker {reserved[0]}: the namespace `services` is reserved")
    return found


def triggers(resources: Sequence[Resource]) -> list[TriggerSpec]:
    """Return every Trigger, resolved; raises WiringError or AddressError."""
    known = {f"{b.namespace}/{b.name}": b for b in resources if isinstance(b, Broker)}
    return [_trigger(t, known) for t in resources if isinstance(t, Trigger)]


def _trigger(trigger: Trigger, known: dict[str, Broker]) -> TriggerSpec:
    address = f"{trigger.namespace}/{trigger.spec.broker}"
    broker = known.get(address)
    if broker is None:
        names = ", ".join(known)
        raise WiringError(f"the Trigger {trigger.name}: no broker {address}; there are: {names}")
    return TriggerSpec(
        name=trigger.name,
        namespace=trigger.namespace,
        broker=address,
        subscriber=url_of(trigger.spec.subscriber, trigger.namespace),
        filter=filters.compile(trigger.spec.filter, trigger.spec.filters),
        delivery=_delivery(trigger, broker),
        ordered=_ordered(trigger),
    )


def _ordered(trigger: Trigger) -> bool:
    """Whether events of one `partitionkey` keep their order on the way to the subscriber."""
    order = trigger.metadata.annotations.get(ORDER, UNORDERED)
    if order not in {ORDERED, UNORDERED}:
        raise WiringError(
            f"the Trigger {trigger.name}: {ORDER} is {ORDERED} or {UNORDERED}, not {order!r}"
        )
    return order == ORDERED


def _delivery(trigger: Trigger, broker: Broker) -> DeliverySpec:
    """Choose the Trigger's delivery, else the Broker's, else the default: never a mixture."""
    if trigger.spec.delivery is not None:
        return _read(trigger.spec.delivery, trigger.namespace)
    if broker.spec.delivery is not None:
        return _read(broker.spec.delivery, broker.namespace)
    return BROKER_DEFAULT


def _read(written: Written, namespace: str) -> DeliverySpec:
    policy, sink = written.backoff_policy, written.dead_letter_sink
    return DeliverySpec(
        retry=written.retry or 0,
        backoff_policy=BackoffPolicy(policy) if policy else None,
        backoff_delay=_seconds(written.backoff_delay),
        timeout=_seconds(written.timeout),
        retry_after_max=_seconds(written.retry_after_max),
        dead_letter_sink=url_of(sink, namespace) if sink else None,
        format=written.format,
    )


def _seconds(duration: timedelta | None) -> float | None:
    return None if duration is None else duration.total_seconds()
