"""A real MCP server of the official SDK over HTTP, and a context to call it from."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from mcp.server.mcpserver import Context as Call
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

from tests.support.serving import serving
from tests.support.surroundings import surroundings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from functions.host.context import Context


@dataclass
class Notes:
    """The server, and what it was sent."""

    url: str = ""
    seen: list[dict[str, str]] = field(default_factory=list)
    """The headers of every message."""
    messages: list[bytes] = field(default_factory=list)
    status: int = 0
    """A status to answer instead, if not 0."""
    body: bytes = b"not now"
    metas: list[Any] = field(default_factory=list)

    def wrapped(self, app: Any) -> Any:
        """Return the app that notes every request, and fails where a test wants it to."""

        async def noting(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http" or scope["method"] != "POST":
                await app(scope, receive, send)
                return
            headers = {name.decode(): value.decode() for name, value in scope["headers"]}
            self.seen.append(headers)
            message = await receive()
            self.messages.append(message["body"])
            if self.status:
                media = [(b"content-type", b"text/plain"), (b"retry-after", b"7")]
                start = {"type": "http.response.start", "status": self.status, "headers": media}
                await send(start)
                await send({"type": "http.response.body", "body": self.body})
                return
            waiting = [message]

            async def replay() -> Any:
                return waiting.pop() if waiting else await receive()

            await app(scope, replay, send)

        return noting


def served(notes: Notes) -> MCPServer:
    """Return a server with a few tools, a prompt and resources."""
    server = MCPServer("notes")

    @server.tool()
    async def add(a: int, b: int, context: Call) -> int:
        """Add two numbers."""
        notes.metas.append(context.request_context.meta)
        return a + b

    @server.tool()
    async def fail(reason: str) -> str:
        """Fail."""
        raise ToolError(reason)

    @server.tool()
    async def hang() -> str:
        """Answer never."""
        await asyncio.sleep(3600)
        return ""

    @server.tool()
    async def much(size: int) -> str:
        """Answer at length."""
        return "x" * size

    @server.prompt()
    async def greet(name: str) -> str:
        """Greet somebody."""
        return f"Say hello to {name}."

    @server.resource("notes://today")
    async def today() -> str:
        """Return the note of today."""
        return "buy milk"

    @server.resource("notes://{day}/note")
    async def of_day(day: str) -> str:
        """Return the note of a day."""
        return f"note of {day}"

    return server


@pytest.fixture(params=[False, True], ids=["sse", "json"])
async def notes(request: pytest.FixtureRequest) -> AsyncIterator[Notes]:
    """Serve on loopback, answering with event streams or with JSON."""
    made = Notes()
    app = served(made).streamable_http_app(json_response=request.param)
    async with serving(made.wrapped(app), lifespan="on") as url:
        made.url = f"{url}/mcp"
        yield made


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[Context]:
    """A task's surroundings, with loopback allowed."""
    async with surroundings(tmp_path) as given:
        yield given
