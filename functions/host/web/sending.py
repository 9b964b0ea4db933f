"""Send a request within limits; every way that it fails is one of the DSL's errors."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import aiohttp

from functions.host.web.failures import accepts, refused, too_large, unanswered
from functions.host.web.response import Response

if TYPE_CHECKING:
    from collections.abc import AsyncIterable

    from functions.host.web.limits import ExchangeLimits
    from functions.host.web.request import Request

_CHUNK: Final = 65_536
_EXCERPT: Final = 4096


async def send(
    http: aiohttp.ClientSession,
    request: Request,
    limits: ExchangeLimits,
    *,
    redirect: bool = False,
    follow: bool = False,
) -> Response:
    """Return the response, read to its end.

    Statuses other than the DSL's successes (with `redirect`, 300-399 are among them), broken
    connections and timeouts are errors of type communication; those that another attempt may
    mend are retryable. Redirects are followed with `follow` alone.
    """
    response = await _exchanged(http, request, limits, redirect=redirect, follow=follow)
    if not accepts(response.status, redirect=redirect):
        raise refused(request, response, datetime.now(UTC))
    return response


async def _exchanged(
    http: aiohttp.ClientSession,
    request: Request,
    limits: ExchangeLimits,
    *,
    redirect: bool,
    follow: bool,
) -> Response:
    try:
        async with http.request(
            request.method,
            request.url,
            headers=request.headers,
            data=request.body,
            allow_redirects=follow,
            max_redirects=5,
            timeout=aiohttp.ClientTimeout(total=limits.timeout),
        ) as answer:
            if accepts(answer.status, redirect=redirect):
                body = await _read(answer.content.iter_chunked(_CHUNK), limits.max_bytes + 1)
                if len(body) > limits.max_bytes:
                    raise too_large(request, limits)
            else:
                body = await _read(answer.content.iter_chunked(_CHUNK), _EXCERPT)
            return Response(answer.status, _joined(answer), body)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise unanswered(request, error, limits) from error


async def _read(chunks: AsyncIterable[bytes], limit: int) -> bytes:
    """Return at most `limit` bytes, reading no further."""
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) >= limit:
            break
    return bytes(body[:limit])


def _joined(answer: aiohttp.ClientResponse) -> dict[str, str]:
    """Return the headers with repeated ones joined by commas, as HTTP allows."""
    return {name: ", ".join(answer.headers.getall(name)) for name in answer.headers}
