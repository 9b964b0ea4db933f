"""Messages over a WebSocket: one connection for each call, a frame for each message.

Headers of a message have no place in a frame: they are headers of the handshake.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp

from events.errors import ErrorType, RetryableError, ToolError
from functions.asyncapi.content import read
from functions.asyncapi.models import Inbound
from functions.asyncapi.over_http import url_of
from functions.host.web.authenticated import authenticated
from functions.host.web.request import text

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from functions.asyncapi.carrying import Call


async def publish(call: Call, body: bytes, media: str, headers: dict[str, Any]) -> None:
    """Send one message in a frame: binary where it is no text."""
    given = {name: text(value) for name, value in headers.items()}
    async with _connected(call, given) as socket:
        if media:
            await socket.send_str(body.decode())
        await socket.close()


async def subscribe(call: Call) -> AsyncGenerator[Inbound, None]:
    """Yield what comes until the server closes."""
    async with _connected(call, {}) as socket:
        async for frame in socket:
            if frame.type in {aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY}:
                data = frame.data.encode() if isinstance(frame.data, str) else frame.data
                yield Inbound(payload=read(data))


@asynccontextmanager
async def _connected(
    call: Call, headers: dict[str, str]
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    url, limits = url_of(call, "http"), call.settings.limits  # the handshake is an HTTP request
    wait = aiohttp.ClientWSTimeout(ws_close=limits.timeout)
    async with authenticated(call.context, call.policy, url, limits) as http:
        try:
            async with http.ws_connect(
                url, headers=headers, timeout=wait, heartbeat=20.0, max_msg_size=limits.max_bytes
            ) as socket:
                yield socket
        except aiohttp.WSServerHandshakeError as error:
            detail = f"{call.target.origin} refused the WebSocket: {error.status} {error.message}"
            kind = ErrorType.COMMUNICATION
            raise ToolError(detail, type=kind, status=error.status) from error
        except (aiohttp.ClientError, OSError) as error:
            detail = f"{call.target.origin}: {error or type(error).__name__}"
            raise RetryableError(detail) from error
