"""How long a Retry-After header asks one to wait."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

LONGEST: Final = 86_400.0
"""A day; who asks for more is asked again after it."""

_SECONDS: Final = re.compile(r"\d{1,12}(\.\d{1,6})?")


def parse(value: str | None, now: datetime) -> float | None:
    """Return the seconds to wait, None when the header is absent or says nothing readable.

    `value` is a number of seconds (some providers send fractions) or an HTTP-date
    (RFC 9110, 10.2.3); `now` is aware. The past is 0, and nothing is more than a day.
    """
    text = (value or "").strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), LONGEST)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(0.0, (moment - now).total_seconds()), LONGEST)
