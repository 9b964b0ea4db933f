"""The documents this process has read, each one once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from functions.host.web.authenticated import fetched
from functions.host.web.documents import Documents
from functions.openapi.description import Description, checked, read

if TYPE_CHECKING:
    from functions.host.context import Context
    from functions.host.web.limits import ExchangeLimits
    from functions.openapi.models import Description as Given

_KEPT: Final = 16


class Descriptions:
    """Reads documents in a thread, as YAML takes its time, and keeps them by digest."""

    def __init__(self, limits: ExchangeLimits, seconds: float) -> None:
        self._limits, self._documents = limits, Documents(limits, seconds)
        self._read: OrderedDict[tuple[str, str], Description] = OrderedDict()

    async def get(self, context: Context, given: Given) -> Description:
        """Return the document that a call refers to or brings along."""
        if given.endpoint is None:
            return checked(given.content or {}, "")
        document = await fetched(context, self._documents, given.endpoint, self._limits)
        key = (document.uri, document.digest)  # relative servers depend on the URI
        if key not in self._read:
            self._read[key] = await asyncio.to_thread(read, document)
            if len(self._read) > _KEPT:
                self._read.popitem(last=False)
        return self._read[key]
