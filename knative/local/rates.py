"""How many events a second each source may publish: a token bucket per CloudEvents `source`.

The platform's own events are not counted: the hops of running flows, and the lifecycle events that
tell of them, are bounded by what was let in to start them; holding hops up would only fill the
ledger.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import TYPE_CHECKING, Final

from events.vocabulary import LIFECYCLE_PREFIXES, OWN_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from events.envelope import Event

_FREE: Final = (OWN_PREFIX, *LIFECYCLE_PREFIXES)
MAX_SOURCES: Final = 10_000
"""Buckets kept; the one used longest ago goes first, which is most likely full again."""


class TooMany(Exception):  # noqa: N818 - what happened to the event
    """A source has published more than it may; `wait` seconds from now, one more is taken."""

    def __init__(self, source: str, rate: float, wait: float) -> None:
        super().__init__(f"the source {source} publishes more than {rate:g} events a second")
        self.source = source
        self.wait = wait


class Rates:
    """`rate` events a second for each source, a second's worth of them at once.

    A request that is begun with room is taken whole, and what it takes too much is paid back by
    waiting: so a batch larger than the rate is possible, now and then. `now` is in seconds.
    """

    def __init__(self, rate: float, now: Callable[[], float]) -> None:
        self.rate = rate
        self._most = max(1.0, rate)
        self._now = now
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, events: Iterable[Event]) -> None:
        """Count the events of one request, all or none; raises TooMany."""
        counts = Counter(e.source for e in events if not e.type.startswith(_FREE))
        now = self._now()
        left = {source: self._left(source, now) for source in counts}
        for source, tokens in left.items():
            if tokens < 1:
                raise TooMany(source, self.rate, (1 - tokens) / self.rate)
        for source, count in counts.items():
            self._buckets[source] = (left[source] - count, now)
            self._buckets.move_to_end(source)
        while len(self._buckets) > MAX_SOURCES:
            self._buckets.popitem(last=False)

    def _left(self, source: str, now: float) -> float:
        tokens, since = self._buckets.get(source, (self._most, now))
        return min(self._most, tokens + (now - since) * self.rate)
