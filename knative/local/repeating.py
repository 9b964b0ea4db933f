"""Which requests may be sent once more after the process that was to serve them has died."""

from __future__ import annotations

from typing import Final

import aiohttp

_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
"""The methods that mean the same when they come twice (RFC 9110, 9.2.2)."""


def repeatable(error: Exception, method: str, *, whole: bool = True) -> bool:
    """Return whether a request may be repeated that ended with an error of its connection.

    A connection that was never made carried nothing. One that broke may have, so only an idempotent
    request is repeated then, and a `whole` one: nothing of it is used up, no answer begun.
    """
    unsent = isinstance(error, aiohttp.ClientConnectorError)
    return unsent or (whole and method in _IDEMPOTENT)
