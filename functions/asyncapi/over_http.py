"""Messages over HTTP: a request for each one sent, a stream of events for those that come.

Where the specifications leave room: a message is published with POST unless the operation's binding
says otherwise; a subscription is a GET, answered with server-sent events or a JSON value a line.

Source: AsyncAPI HTTP binding 0.3; WHATWG HTML, "Server-sent events".
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import aiohttp

from functions.asyncapi.content import read
from functions.asyncapi.models import Inbound
from functions.host.web.authenticated import authenticated
from functions.host.web.failures import accepts, refused, unanswered
from functions.host.web.request import Request, sealed, target, text
from functions.host.web.response import Response
from functions.host.web.sending import send

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from yarl import URL

    from functions.asyncapi.carrying import Call


async def publish(call: Call, body: bytes, media: str, headers: dict[str, Any]) -> None:
    """Send one message as a request; its statuses are judged as the http tool's."""
    given = ({"Content-Type": media} if media else {}) | {
        name: text(value) for name, value in headers.items()
    }
    binding = call.operation.own.get("http", {})
    method, url = str(binding.get("method") or "POST").upper(), url_of(call, "http")
    request = Request(method, url, sealed(method, given, call.context.idempotency_key), body)
    limits = call.settings.limits
    async with authenticated(call.context, call.policy, url, limits) as http:
        await send(http, request, limits)


async def subscribe(call: Call) -> AsyncGenerator[Inbound, None]:
    """Yield the events or lines of one answer."""
    url, limits = url_of(call, "http"), call.settings.limits
    headers = sealed("GET", {"Accept": "text/event-stream, application/x-ndjson"}, "")
    request = Request("GET", url, headers, None)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=limits.timeout)
    async with authenticated(call.context, call.policy, url, limits) as http:
        try:
            async with http.get(url, headers=headers, timeout=timeout, max_redirects=0) as answer:
                if not accepts(answer.status, redirect=False):
                    body = (await answer.content.read(1200))[:1200]
                    seen = Response(answer.status, dict(answer.headers), body)
                    raise refused(request, seen, datetime.now(UTC))
                lines = _events if answer.content_type == "text/event-stream" else _lines
                async for each in lines(answer.content):
                    yield Inbound(payload=read(each))
        except (aiohttp.ClientError, OSError) as error:
            raise unanswered(request, error, limits) from error


def url_of(call: Call, scheme: str) -> URL:
    """Return the URL of the channel; TLS is the server's matter."""
    at = call.target
    host = f"[{at.host}]" if ":" in at.host else at.host
    address = call.operation.address.lstrip("/")
    return target(f"{scheme}{'s' * at.tls}://{host}:{at.port}{at.path}/{address}", ())


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    async for line in content:
        if line.strip():
            yield line.strip()


async def _events(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    data: list[bytes] = []
    async for line in content:
        stripped = line.rstrip(b"\r\n")
        if stripped.startswith(b"data:"):
            data.append(stripped.removeprefix(b"data:").removeprefix(b" "))
        elif not stripped and data:
            yield b"\n".join(data)
            data = []
