"""Carry the SDK's requests over the host's HTTP client, and remember why one failed.

The SDK tells most failures as one and the same error; what the platform may repeat shows in the
exchange itself.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import aiohttp
import httpx2
import orjson
from httpx_aiohttp.httpx2 import AiohttpTransport
from multidict import CIMultiDict

from events.errors import ToolError
from functions.host.web.failures import refused, too_large, unanswered
from functions.host.web.request import Request, target
from functions.host.web.response import Response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from functions.host.web.limits import ExchangeLimits

_ERROR: Final = 400


class Carrier(httpx2.AsyncBaseTransport):
    """One call's transport; `failure` is why its last message was not answered, if it was not."""

    def __init__(self, http: aiohttp.ClientSession, limits: ExchangeLimits) -> None:
        self._inner = AiohttpTransport(client=http, verify=False)  # the client has its own TLS
        self._limits = limits
        self.failure: ToolError | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request; messages are POSTs, anything else is the protocol's housekeeping."""
        asked = _asked(request)
        try:
            response = await self._inner.handle_async_request(request)
        except ToolError as error:
            self.failure = error
            raise
        except (httpx2.TransportError, aiohttp.ClientError, OSError) as error:
            if request.method == "POST":
                self.failure = unanswered(asked, _cause(error), self._limits)
            raise
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _Counted(response.stream, self, asked)
        if request.method == "POST" and response.status_code >= _ERROR:
            await self._judge(asked, response)
        return response

    async def aclose(self) -> None:
        """Leave the client open: it is the host's."""

    def too_large(self, asked: Request) -> ToolError:
        """Remember that an answer went beyond the limit."""
        self.failure = too_large(asked, self._limits)
        return self.failure

    async def _judge(self, asked: Request, response: httpx2.Response) -> None:
        body = await response.aread()
        if not _is_answer(body):
            headers = CIMultiDict(response.headers)
            seen = Response(response.status_code, headers, body)
            self.failure = refused(asked, seen, datetime.now(UTC))

    @property
    def limit(self) -> int:
        """The longest answer in bytes."""
        return self._limits.max_bytes


class _Counted(httpx2.AsyncByteStream):
    """A response's bytes up to the limit."""

    def __init__(self, inner: httpx2.AsyncByteStream, carrier: Carrier, asked: Request) -> None:
        self._inner = inner
        self._carrier = carrier
        self._asked = asked

    async def __aiter__(self) -> AsyncIterator[bytes]:
        count = 0
        async for chunk in self._inner:
            count += len(chunk)
            if count > self._carrier.limit:
                raise self._carrier.too_large(self._asked)
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


def _asked(request: httpx2.Request) -> Request:
    return Request(request.method, target(str(request.url), ()), CIMultiDict(request.headers), None)


def _cause(error: Exception) -> Exception:
    """Return the client's own error behind the one that it was translated to."""
    cause = error.__cause__
    return cause if isinstance(cause, aiohttp.ClientError | OSError) else error


def _is_answer(body: bytes) -> bool:
    """Tell whether an error's body is the JSON-RPC error itself, which the SDK reads."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return isinstance(parsed, dict) and "jsonrpc" in parsed and "error" in parsed
