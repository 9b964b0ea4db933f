"""Times as texts."""

from __future__ import annotations

from datetime import UTC, datetime


def rfc3339(time: datetime, timespec: str = "milliseconds") -> str:
    """Return an aware time in UTC, with a `Z`; `timespec` is that of `datetime.isoformat`."""
    return time.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")
