"""Claims about the rate of each source."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.envelope import create
from knative.local.rates import MAX_SOURCES, Rates, TooMany

if TYPE_CHECKING:
    from events.envelope import Event


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def event(source: str = "/a", kind: str = "com.example.a") -> Event:
    return create(id="1", source=source, type=kind)


def wait(rates: Rates, *events: Event) -> float:
    """Return the seconds that a request is told to wait, 0 where it is taken."""
    try:
        rates.take(events)
    except TooMany as error:
        return error.wait
    return 0.0


def test_a_second_at_once_then_the_rate() -> None:
    """A quiet source may send a second's worth; then each event waits for its share."""
    clock = Clock()
    rates = Rates(4, clock)
    assert [wait(rates, event()) for _ in range(4)] == [0.0] * 4
    assert wait(rates, event()) == pytest.approx(0.25)
    clock.now += 0.25
    assert wait(rates, event()) == 0.0
    assert wait(rates, event()) == pytest.approx(0.25)
    clock.now += 3600
    assert [bool(wait(rates, event())) for _ in range(5)] == [False] * 4 + [True]


def test_sources_are_apart() -> None:
    """One source over its rate holds no other up."""
    rates = Rates(1, Clock())
    assert wait(rates, event("/a")) == 0.0
    assert wait(rates, event("/a")) > 0
    assert wait(rates, event("/b")) == 0.0


def test_a_batch_is_all_or_none() -> None:
    """A batch that holds an event too many is refused whole, and charged to nobody."""
    rates = Rates(1, Clock())
    assert wait(rates, event("/a")) == 0.0
    with pytest.raises(TooMany, match="/a publishes more than 1 events a second"):
        rates.take([event("/b"), event("/a")])
    assert wait(rates, event("/b")) == 0.0


def test_a_large_batch_is_paid_back() -> None:
    """A batch larger than the rate is taken from a quiet source, which then waits for it."""
    clock = Clock()
    rates = Rates(10, clock)
    assert wait(rates, *[event()] * 30) == 0.0
    assert wait(rates, event()) == pytest.approx(2.1)
    clock.now += 2.2
    assert wait(rates, event()) == 0.0


def test_slow_rates() -> None:
    """Less than one event a second is a rate as well."""
    clock = Clock()
    rates = Rates(0.1, clock)
    assert wait(rates, event()) == 0.0
    assert wait(rates, event()) == pytest.approx(10)
    clock.now += 10
    assert wait(rates, event()) == 0.0


def test_the_platforms_own_events_are_not_counted() -> None:
    """The hops of flows and what is told of them go through, however many."""
    rates = Rates(1, Clock())
    for own in ("dev.tendril.task.requested.v1", "io.serverlessworkflow.task.started.v1"):
        events = [event("/flows/a/b", own)] * 100
        assert wait(rates, *events) == wait(rates, *events) == 0.0


def test_memory_is_bounded() -> None:
    """However many sources there are, only the latest are remembered."""
    rates = Rates(1, Clock())
    for number in range(MAX_SOURCES + 10):
        rates.take([event(f"/{number}")])
    assert len(rates._buckets) == MAX_SOURCES
    assert wait(rates, event(f"/{MAX_SOURCES}")) > 0


@given(st.lists(st.tuples(st.floats(0, 2), st.integers(1, 3)), max_size=60))
def test_never_more_than_the_rate(arrivals: list[tuple[float, int]]) -> None:
    """Whenever requests come, a source passes its rate by a second's worth and one request."""
    clock = Clock()
    rates = Rates(2, clock)
    taken = 0
    for pause, count in arrivals:
        clock.now += pause
        taken += 0 if wait(rates, *[event()] * count) else count
    assert taken <= (clock.now - 1000) * 2 + 2 + 3
