"""Times as the API shows them."""

from __future__ import annotations

from datetime import UTC, datetime

from events.times import rfc3339
from functions.host.ledger.rows.task import NEVER


def moment(seconds: float | None, timespec: str = "milliseconds") -> str | None:
    """Return an RFC 3339 time; None for one that is unknown or never comes."""
    if seconds is None or seconds == NEVER:
        return None
    return rfc3339(datetime.fromtimestamp(seconds, UTC), timespec)
