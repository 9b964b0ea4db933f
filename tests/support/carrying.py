"""The platform's own courier, with its own HTTP client, for brokers that have no services."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from knative.local.activator import client
from knative.local.courier import Courier
from knative.local.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    import aiohttp

    from knative.delivery import Response


class NoServices:
    """An activator's place, empty: every subscriber is somebody else's URL."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self.http = http

    async def request(
        self,
        service: str,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout: float,  # noqa: ASYNC109 - the port's own
    ) -> Response:
        """Answer as the activator does where there is no such service."""
        del method, path, headers, body, timeout
        return Refusal(404, "Not Found", f"no service '{service}'").response()


@asynccontextmanager
async def carrying() -> AsyncIterator[Courier]:
    """Give a courier to URLs and, once its `broker` is set, to brokers."""
    async with client() as http:
        yield Courier(NoServices(http))
