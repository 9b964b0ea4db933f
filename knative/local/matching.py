"""Which Triggers an event goes to: an index over what their filters require, not a scan."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Final

from knative.delivery import BROKER_DEFAULT, DeliverySpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from knative.filters import Attributes, Filter

INDEXED: Final = ("type", "tool")
"""The attributes looked up: the platform's tool Triggers share one type and differ by tool."""

Key = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class TriggerSpec:
    """One Trigger, resolved: `broker` is `namespace/name`, `subscriber` a URL.

    `ordered` asks for one delivery at a time among events of the same `partitionkey`.
    """

    name: str
    subscriber: str
    filter: Filter
    namespace: str = "default"
    broker: str = "default/default"
    delivery: DeliverySpec = field(default=BROKER_DEFAULT)
    ordered: bool = False

    @property
    def key(self) -> str:
        """The Trigger's name in the store, unique in the platform."""
        return f"{self.namespace}/{self.name}"


class TriggerIndex:
    """The Triggers of one Broker by their exact values of the indexed attributes.

    An event makes one lookup for each subset of INDEXED it could be required by. A Trigger that
    requires none of them lies under the key of only None: every event is tested against those.
    """

    def __init__(self, triggers: Iterable[TriggerSpec]) -> None:
        self._buckets: dict[Key, list[TriggerSpec]] = {}
        for trigger in triggers:
            required = trigger.filter.required()
            key = tuple(required.get(name) for name in INDEXED)
            self._buckets.setdefault(key, []).append(trigger)

    def match(self, attributes: Attributes) -> list[TriggerSpec]:
        """Return every Trigger whose filter passes an event with these attributes."""
        return [
            trigger
            for key in _keys(attributes)
            for trigger in self._buckets.get(key, ())
            if trigger.filter.matches(attributes)
        ]


def _keys(attributes: Attributes) -> Iterator[Key]:
    values = [(attributes[name], None) if name in attributes else (None,) for name in INDEXED]
    return product(*values)
