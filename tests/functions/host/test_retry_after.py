"""What a Retry-After header asks for."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.host.retry_after import LONGEST, parse

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        (" 0.5 ", 0.5),
        ("0", 0.0),
        ("99999999999", LONGEST),
        ("Thu, 01 Jan 2026 12:00:30 GMT", 30.0),
        ("Thu, 01 Jan 2026 11:00:00 GMT", 0.0),
        ("Thursday, 01-Jan-26 12:00:30 GMT", 30.0),
        ("Thu, 01 Jan 2099 12:00:00 GMT", LONGEST),
        (None, None),
        ("", None),
        ("-1", None),
        ("inf", None),
        ("soon", None),
        ("1e3", None),
    ],
)
def test_seconds_and_dates_are_read(value: str | None, seconds: float | None) -> None:
    """Seconds and HTTP-dates count, the past is now, nonsense is no answer."""
    assert parse(value, NOW) == seconds


@given(st.text())
def test_no_header_breaks_it(value: str) -> None:
    """Any text gives None or seconds within a day."""
    seconds = parse(value, NOW)
    assert seconds is None or 0 <= seconds <= LONGEST
