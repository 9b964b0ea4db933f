"""Times and amounts for people."""

from __future__ import annotations

from datetime import datetime


def milliseconds(value: float | None) -> str:
    """Return a duration given in milliseconds."""
    if value is None:
        return ""
    return f"{value / 1000:.1f} s" if value >= 1000 else f"{value:.0f} ms"  # noqa: PLR2004 - ms in s


def elapsed(began: str, at: str) -> str:
    """Return the time from one RFC 3339 instant to another; empty where one is unknown."""
    try:
        seconds = (datetime.fromisoformat(at) - datetime.fromisoformat(began)).total_seconds()
    except ValueError:
        return ""
    return milliseconds(max(0.0, seconds * 1000))


def amount(value: float) -> str:
    """Return a number of tokens, or a price to a millionth."""
    whole = f"{value:.6f}".rstrip("0").rstrip(".")
    return whole if whole not in {"0", "-0"} or not value else f"{value:g}"
