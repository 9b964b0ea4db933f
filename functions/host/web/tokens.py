"""Tokens that authorities gave, kept in this process until they end."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, defaultdict
from typing import TYPE_CHECKING, Final

from events.errors import ErrorType, RetryableError, ToolError
from functions.host.web.discovery import document_of, endpoint_in, endpoint_of
from functions.host.web.documents import Documents
from functions.host.web.oauth2 import Issued, asked, issued, unauthenticated
from functions.host.web.policies import fingerprint
from functions.host.web.sending import send

if TYPE_CHECKING:
    from collections.abc import Callable

    import aiohttp

    from functions.host.web.limits import ExchangeLimits
    from functions.host.web.policies import OpenIdConnect

_KEPT: Final = 256
_DISCOVERED: Final = 300.0
_REFUSED: Final = {400, 401, 403}


class Tokens:
    """Gives each policy one token at a time; credentials that changed make another policy."""

    def __init__(self, limits: ExchangeLimits, clock: Callable[[], float] = time.time) -> None:
        self._limits, self._clock = limits, clock
        self._documents = Documents(limits, _DISCOVERED)
        self._known: OrderedDict[str, Issued] = OrderedDict()
        self._asking: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def get(
        self, http: aiohttp.ClientSession, policy: OpenIdConnect, refused: str | None = None
    ) -> str:
        """Return an access token, a new one if the known one was `refused` or is at its end.

        A refusal of the authority is a ToolError of type authentication; what keeps it from
        answering is retryable.
        """
        key = fingerprint(policy)
        try:
            async with self._asking[key]:
                known = self._known.get(key)
                if known and known.until > self._clock() and known.access != refused:
                    return known.access
                new = await self._asked(http, policy, known.refresh if known else None)
                self._keep(key, new)
                return new.access
        finally:
            if key not in self._known:
                self._asking.pop(key, None)

    def _keep(self, key: str, token: Issued) -> None:
        self._known[key] = token
        self._known.move_to_end(key)
        if len(self._known) > _KEPT:
            oldest, _ = self._known.popitem(last=False)
            self._asking.pop(oldest, None)

    async def _asked(
        self, http: aiohttp.ClientSession, policy: OpenIdConnect, refresh: str | None
    ) -> Issued:
        document = document_of(policy)
        try:
            uri = endpoint_of(policy)
            if document:
                uri = endpoint_in(await self._documents.fetch(http, document))
            response = await send(http, asked(policy, uri, refresh), self._limits)
        except RetryableError:
            raise
        except ToolError as error:
            raise _refusal(policy, error) from error
        return issued(policy, response, self._clock())


def _refusal(policy: OpenIdConnect, error: ToolError) -> ToolError:
    """Return the authority's refusal as one of authentication; other errors are what they are."""
    problem = error.problem
    if problem.type != ErrorType.COMMUNICATION or problem.status not in _REFUSED:
        return error
    return unauthenticated(f"{policy.authority} gave no token: {problem.detail}")
