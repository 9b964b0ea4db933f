"""The http tool's handler."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import aiohttp

from functions.http.failures import accepts, refused, too_large, unanswered
from functions.http.models import In, Out, Settings
from functions.http.request import Request, prepare
from functions.http.response import Response, output

if TYPE_CHECKING:
    from collections.abc import AsyncIterable

    from functions.host.context import Context

_CHUNK: Final = 65_536
_EXCERPT: Final = 4096


async def handle(request: In, context: Context) -> Out:
    """Call an HTTP endpoint and return its response's content.

    Statuses other than the DSL's successes, broken connections and timeouts are errors of
    type communication; those that another attempt may mend are retryable.
    """
    settings = await context.resources.once("settings", _settings)
    prepared = prepare(request, context.idempotency_key)
    response = await _send(context.http, prepared, settings, redirect=request.redirect)
    if not accepts(response.status, redirect=request.redirect):
        raise refused(prepared, response, datetime.now(UTC))
    return Out(output(prepared, response, request.output))


async def _settings() -> Settings:
    return Settings()


async def _send(
    http: aiohttp.ClientSession, request: Request, settings: Settings, *, redirect: bool
) -> Response:
    try:
        async with http.request(
            request.method,
            request.url,
            headers=request.headers,
            data=request.body,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=settings.timeout),
        ) as answer:
            if accepts(answer.status, redirect=redirect):
                limit = settings.max_bytes
                body = await _read(answer.content.iter_chunked(_CHUNK), limit + 1)
                if len(body) > limit:
                    raise too_large(request, limit)
            else:
                body = await _read(answer.content.iter_chunked(_CHUNK), _EXCERPT)
            return Response(answer.status, _joined(answer), body)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise unanswered(request, error) from error


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
