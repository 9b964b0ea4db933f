"""A real agent, a server that answers by script, and a context to call them from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from tests.support.agent import Writer, application
from tests.support.serving import answering, serving
from tests.support.surroundings import surroundings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from functions.host.context import Context


@dataclass
class Served:
    """An agent, its address and its card."""

    writer: Writer
    version: str
    url: str = ""

    @property
    def card(self) -> str:
        """Where the card lies."""
        return f"{self.url}/.well-known/agent-card.json"


@pytest.fixture(params=["0.3", "1.0"])
async def agent(request: pytest.FixtureRequest) -> AsyncIterator[Served]:
    """An agent whose card names one revision."""
    served = Served(Writer(), request.param)
    place: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await place[0](scope, receive, send)

    async with serving(app) as served.url:
        place.append(application(served.writer, f"{served.url}/", request.param))
        yield served


@dataclass
class Script:
    """What a server answers."""

    url: str = ""
    status: int = 200
    media: str = "application/json"
    body: str = ""
    seen: list[Any] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        """Answer as the script says."""
        self.seen.append((dict(request.headers), await request.text()))
        headers = {"Content-Type": self.media, "Retry-After": "7"}
        return web.Response(status=self.status, body=self.body.encode(), headers=headers)


@pytest.fixture
async def script() -> AsyncIterator[Script]:
    """Serve the script on loopback."""
    made = Script()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.answer)
    async with answering(app) as made.url:
        yield made


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[Context]:
    """A task's surroundings, with loopback allowed."""
    async with surroundings(tmp_path) as given:
        yield given
