"""`/services/{name}/...`: a streaming reverse proxy to the services, as an ASGI application."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

import aiohttp
from yarl import URL

from knative.local.refusal import Refusal
from knative.local.repeating import repeatable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import Message, Receive, Scope, Send

    from knative.local.activator import Activator
    from knative.local.instance import Instance

PREFIX: Final = "/services/"
HOP_BY_HOP: Final = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer "
    b"transfer-encoding upgrade expect date".split()
)

Headers = list[tuple[bytes, bytes]]


class ClientGone(Exception):  # noqa: N818 - what happened
    """The client closed the connection before it had the whole answer."""


class Request:
    """The client's side of one exchange; only one reader takes its messages."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._receive = receive
        self._complete = asyncio.Event()
        raw: bytes = scope["raw_path"]
        self.service, _, path = raw.decode("ascii").removeprefix(PREFIX).partition("/")
        query = scope["query_string"].decode("ascii")
        self.target = f"/{path}?{query}" if query else f"/{path}"
        self.method: str = scope["method"]
        self.headers = _onward(scope, self.service)

    async def body(self) -> AsyncIterator[bytes] | bytes | None:
        """Return the body: whole where it came at once, else a stream of its parts."""
        first = await self._next()
        if not first.get("more_body"):
            self._complete.set()
            return first.get("body") or None
        return self._parts(first)

    async def gone(self) -> None:
        """Return when the client goes away; its body is read to the end before."""
        await self._complete.wait()
        with contextlib.suppress(ClientGone):
            while True:
                await self._next()

    async def _parts(self, message: Message) -> AsyncIterator[bytes]:
        yield message.get("body", b"")
        while message.get("more_body"):
            message = await self._next()
            yield message.get("body", b"")
        self._complete.set()

    async def _next(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        return message


class Answer:
    """The way back to the client: `started` once its status line is sent, `endless` for events."""

    def __init__(self, send: Send, service: str) -> None:
        self._send = send
        self._service = service
        self.started = False
        self.endless = False

    async def stream(self, response: aiohttp.ClientResponse) -> None:
        """Pass on status, headers and body, each part as it comes."""
        headers = [
            (name.lower(), self._located(value) if name.lower() == b"location" else value)
            for name, value in end_to_end(list(response.raw_headers))
        ]
        self.endless = response.content_type == "text/event-stream"
        await self._start(response.status, headers)
        async for chunk in response.content.iter_any():
            await self._send({"type": "http.response.body", "body": chunk, "more_body": True})
        await self._send({"type": "http.response.body"})

    async def refuse(self, refused: Refusal) -> None:
        """Answer in the service's place; a cut answer is left incomplete, which shows."""
        if self.started:
            return
        response = refused.response()
        pairs = [(name.encode(), value.encode()) for name, value in response.headers]
        await self._start(response.status, pairs)
        await self._send({"type": "http.response.body", "body": response.body})

    async def _start(self, status: int, headers: Headers) -> None:
        self.started = True
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    def _located(self, value: bytes) -> bytes:
        """Put the prefix that was taken off a path back on a Location that is a path."""
        if not value.startswith(b"/") or value.startswith((b"//", PREFIX.encode())):
            return value
        return f"{PREFIX}{self._service}".encode() + value


class Proxy:
    """Holds a request while its service starts, then streams both ways."""

    def __init__(self, activator: Activator) -> None:
        self._activator = activator
        self._running: dict[asyncio.Future[None], Answer] = {}

    def end_streams(self) -> None:
        """Cut the answers that would never end, so that their services can."""
        for exchange, answer in self._running.items():
            if answer.endless:
                exchange.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        request = Request(scope, receive)
        answer = Answer(send, request.service)
        try:
            await self._pass(request, answer)
        except Refusal as refused:
            await answer.refuse(refused)
        except (aiohttp.ClientError, OSError) as error:
            reason = f"{request.service} gave no complete answer: {error or type(error).__name__}"
            await answer.refuse(Refusal(502, "Bad Gateway", reason))
        except ClientGone:
            return

    async def _pass(self, request: Request, answer: Answer) -> None:
        body = await request.body()
        exchange = asyncio.ensure_future(self._exchange(request, body, answer))
        self._running[exchange] = answer
        leaving = asyncio.ensure_future(request.gone())
        try:
            await asyncio.wait([exchange, leaving], return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._running[exchange]
            leaving.cancel()
            if not exchange.done():
                exchange.cancel()  # closes the connection, which tells the service
            await asyncio.wait([exchange, leaving])
        if not exchange.cancelled():
            exchange.result()

    async def _exchange(
        self, request: Request, body: AsyncIterator[bytes] | bytes | None, answer: Answer
    ) -> None:
        whole = body is None or isinstance(body, bytes)
        await self._activator.serve(
            request.service,
            lambda instance: self._stream(instance, request, body, answer),
            lambda error: repeatable(error, request.method, whole=whole and not answer.started),
        )

    async def _stream(
        self,
        instance: Instance,
        request: Request,
        body: AsyncIterator[bytes] | bytes | None,
        answer: Answer,
    ) -> None:
        url = URL(instance.url + request.target, encoded=True)
        async with self._activator.http.request(
            request.method, url, headers=request.headers, data=body, allow_redirects=False
        ) as response:
            await answer.stream(response)


def end_to_end(headers: Headers) -> Headers:
    """Drop the headers that concern one connection only, those `Connection` names included."""
    named = b",".join(value for name, value in headers if name.lower() == b"connection")
    dropped = HOP_BY_HOP | {name.strip().lower() for name in named.split(b",")}
    return [(name, value) for name, value in headers if name.lower() not in dropped]


def _onward(scope: Scope, service: str) -> list[tuple[str, str]]:
    """Return the request's headers for the service, and where the request came from."""
    kept = end_to_end(list(scope["headers"]))
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in kept]
    host = next((value for name, value in headers if name == "host"), "")
    client = scope.get("client") or ("", 0)
    return [
        *headers,
        ("x-forwarded-for", client[0]),
        ("x-forwarded-host", host),
        ("x-forwarded-proto", scope["scheme"]),
        ("x-forwarded-prefix", f"{PREFIX}{service}"),
    ]
