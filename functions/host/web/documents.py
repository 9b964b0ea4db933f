"""Documents that calls refer to by their URI: fetched through the egress policy, kept a while."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from functions.host.web.request import Request, sealed, target
from functions.host.web.sending import send

if TYPE_CHECKING:
    from collections.abc import Callable

    import aiohttp

    from functions.host.web.limits import ExchangeLimits

_KEPT: Final = 16


@dataclass(frozen=True, slots=True)
class Document:
    """A document's bytes, and where they are from."""

    uri: str
    """Empty when it came with the task's input."""
    content: bytes

    @property
    def digest(self) -> str:
        """What names the content, wherever it lies: SHA-256 in hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()


class Documents:
    """Fetches documents and keeps each for `seconds`; the oldest of many are forgotten."""

    def __init__(
        self, limits: ExchangeLimits, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limits = limits
        self._seconds = seconds
        self._clock = clock
        self._known: OrderedDict[tuple[str, str], tuple[float, Document]] = OrderedDict()

    async def fetch(self, http: aiohttp.ClientSession, uri: str, reader: str = "") -> Document:
        """Return the document at an http or https URI, following redirects.

        What was fetched for one `reader` is not for another. Errors are those of any exchange:
        what another attempt may mend is retryable.
        """
        known = self._known.get((uri, reader))
        if known and self._clock() - known[0] < self._seconds:
            return known[1]
        request = Request("GET", target(uri, ()), sealed("GET", {}, ""), None)
        response = await send(http, request, self._limits, follow=True)
        document = Document(uri, response.body)
        self._known[uri, reader] = (self._clock(), document)
        self._known.move_to_end((uri, reader))
        if len(self._known) > _KEPT:
            self._known.popitem(last=False)
        return document
