"""A real HTTP server that behaves as its path says, and a context to call it from."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from tests.support.serving import answering
from tests.support.surroundings import surroundings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from functions.host.context import Context


class Server:
    """Answers by script and keeps what it was sent."""

    def __init__(self) -> None:
        self.url = ""
        self.seen: list[dict[str, Any]] = []
        self.released = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Do what the path's first segment says."""
        body = await request.read()
        headers = dict(request.headers)
        path = request.path_qs
        seen = {"method": request.method, "path": path, "headers": headers, "body": body}
        self.seen.append(seen)
        script = getattr(self, "do_" + request.path.split("/")[1])
        response: web.StreamResponse = await script(request)
        return response

    async def do_json(self, _: web.Request) -> web.Response:
        """Answer a JSON object with a null in it."""
        return web.json_response({"name": "milou", "owner": None})

    async def do_body(self, request: web.Request) -> web.Response:
        """Answer the request's body with the media type in `?type=`."""
        media = {"Content-Type": request.query["type"]} if "type" in request.query else {}
        return web.Response(body=await request.read(), headers=media)

    async def do_status(self, request: web.Request) -> web.Response:
        """Answer the status in the path, with the query as headers."""
        status = int(request.path.split("/")[2])
        return web.Response(status=status, text=f"this is {status}", headers=dict(request.query))

    async def do_hang(self, _: web.Request) -> web.Response:
        """Never answer while the test runs."""
        await self.released.wait()
        return web.Response()

    async def do_reset(self, request: web.Request) -> web.Response:
        """Close the connection instead of answering."""
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async def do_half(self, request: web.Request) -> web.StreamResponse:
        """Close the connection in the middle of the body."""
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"half")
        assert request.transport is not None
        request.transport.abort()
        return response

    async def do_endless(self, request: web.Request) -> web.StreamResponse:
        """Send until the client goes away."""
        response = web.StreamResponse()
        await response.prepare(request)
        while request.transport is not None and not request.transport.is_closing():
            await response.write(bytes(65_536))
        return response


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """Serve on loopback."""
    served = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", served.answer)
    async with answering(app, shutdown_timeout=1) as served.url:
        yield served
        served.released.set()


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[Context]:
    """A task's surroundings, with loopback allowed."""
    async with surroundings(tmp_path) as given:
        yield given
