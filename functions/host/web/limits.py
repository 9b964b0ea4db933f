"""What an operator lets one HTTP exchange take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ExchangeLimits:
    """How long and how large, and the variables that say so, for the error messages."""

    timeout: float
    """Seconds from connecting to the response's last byte."""
    max_bytes: int
    """Longest response that is read, after decompression."""
    timeout_variable: str
    max_bytes_variable: str
