"""The nominal times of schedules."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from events.flow.timetable import Timetable

TIMES = st.floats(1e9, 2e9, allow_nan=False)


@given(deployed=TIMES, later=st.floats(0, 1e7), span=st.floats(1, 1e6))
def test_an_interval_has_no_gap(deployed: float, later: float, span: float) -> None:
    """Between the last nominal time and the next there is exactly one interval, and now."""
    table, now = Timetable("every", str(span)), deployed + later
    first = table.first(deployed)
    assert first == deployed + span
    if first <= now:
        latest = table.latest(first, now)
        following = table.next(latest, now)
        assert first <= latest <= now + 1e-3
        assert now < following + 1e-3
        assert abs(following - latest - span) < 1e-3


@example(deployed=1999999999.9999998, later=1e7)
@given(deployed=TIMES, later=st.floats(0, 1e7))
def test_a_cron_time_has_no_gap(deployed: float, later: float) -> None:
    """The last time of a cron expression is not after now, the next one is, and both are its."""
    table, now = Timetable("cron", "*/20 * * * *"), deployed + later
    first = table.first(deployed)
    assert deployed < first <= deployed + 1200
    if first <= now:
        latest, following = table.latest(first, now), table.next(first, now)
        assert latest <= now < following
        assert following - latest == 1200
        assert latest % 1200 == following % 1200 == 0
