"""How long a process's start kept an event waiting."""

from __future__ import annotations

import time

import pytest

from events.envelope import create
from functions.host.started import Started


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("1970-01-01T00:16:35Z", 4000.0),  # before the process began
        ("1970-01-01T00:16:42Z", 2000.0),  # while it started
        ("1970-01-01T00:16:50Z", 0.0),  # when it was ready
    ],
)
def test_only_the_part_of_the_start_counts(sent: str, expected: float) -> None:
    """From the event's time or the process's beginning, whichever is later, until it was ready."""
    event = create(id="1", source="/a", type="t", time=sent)
    assert Started(began=1000.0, ready=1004.0).kept_waiting(event) == expected


def test_an_event_without_a_time_tells_nothing() -> None:
    """Then nobody knows."""
    assert Started(1.0, 2.0).kept_waiting(create(id="1", source="/a", type="t")) is None


def test_this_process_began_before_now() -> None:
    """The system knows when it did, to a hundredth of a second."""
    started = Started.now(time.time)
    assert started.ready - 3600 < started.began < started.ready
