"""The webhook service over real HTTP, and a broker's door that keeps what it is given."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from events.envelope import Event, parse
from functions.webhook.app import app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from starlette.requests import Request

HOOKS = """
hooks:
  ask:
    type: com.example.question.asked
    verify: none
    maxBytes: 2000
    schema:
      type: object
      required: [question]
      properties: {question: {type: string}, tags: {type: array, items: {type: string}}}
  signed: {type: com.example.signed, verify: standard-webhooks, secret: signing-key, tolerance: 60}
  gh: {type: com.github.delivery, verify: github, secret: gh}
  orders:
    type: com.example.order
    source: https://shop.example/
    verify: none
    idHeader: X-Order
  events: {accept: cloudevents, verify: none}
  partner:
    accept: cloudevents
    type: com.example.partner
    verify: bearer
    secret: token
    origins: [events.example.com]
    schema: {type: object}
  sealed: {accept: cloudevents, verify: github, secret: gh}
  old: {type: com.example.old, verify: none, retired: true}
  keyless: {type: com.example.keyless, verify: github, secret: nobody-set-this}
"""
SECRETS = {"SIGNING_KEY": "whsec_c2VjcmV0LXNlY3JldA==", "GH": "gh-secret", "TOKEN": "open sesame"}


@dataclass
class Door:
    """A broker's door: keeps the events, and answers with `status`."""

    status: int = 202
    events: list[Event] = field(default_factory=list)

    async def take(self, request: Request) -> Response:
        """Take one event."""
        event = parse(request.headers.items(), await request.body())
        if self.status < 300:
            self.events.append(event)
        return Response(status_code=self.status)


class Served(uvicorn.Server):
    """A server in a thread of its own, up once the context is entered."""

    def __enter__(self) -> str:
        # asyncio turns Nagle's algorithm off only on sockets that say they are TCP
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self.run, args=([self._socket],))
        self._thread.start()
        deadline = time.monotonic() + 20
        while not self.started and time.monotonic() < deadline:
            time.sleep(0.005)
        assert self.started
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self.should_exit = True
        self._thread.join(20)
        self._socket.close()


def served(application: Any) -> Served:
    """Return a server of an ASGI application."""
    return Served(uvicorn.Config(application, log_config=None, lifespan="on"))


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Door, Path]]:
    """The service's URL, the door it publishes to, and the file that declares its hooks."""
    door, file = Door(), tmp_path_factory.mktemp("webhook") / "hooks.yaml"
    file.write_text(HOOKS, "utf-8")
    broker = Starlette(routes=[Route("/default/default", door.take, methods=["POST"])])
    with served(broker) as base, pytest.MonkeyPatch.context() as patch:
        patch.setenv("K_SINK", f"{base}/default/default")
        patch.setenv("TENDRIL_WEBHOOK_HOOKS", str(file))
        for name, value in SECRETS.items():
            patch.setenv(f"TENDRIL_SECRET_{name}", value)
        with served(app) as url:
            yield url, door, file


@pytest.fixture
def url(started: tuple[str, Door, Path]) -> str:
    """The webhook service's URL."""
    return started[0]


@pytest.fixture
def door(started: tuple[str, Door, Path]) -> Door:
    """The door, empty and open."""
    door = started[1]
    door.events.clear()
    door.status = 202
    return door


@pytest.fixture
def hooks_file(started: tuple[str, Door, Path]) -> Iterator[Path]:
    """The file that declares the hooks; as it was again at the end."""
    yield started[2]
    started[2].write_text(HOOKS, "utf-8")


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """A client that adds no content type of its own."""
    timeout = aiohttp.ClientTimeout(total=20)
    async with aiohttp.ClientSession(
        timeout=timeout, skip_auto_headers=["Content-Type"]
    ) as session:
        yield session
    await asyncio.sleep(0)


@dataclass(frozen=True)
class Answer:
    """What the service answered; `body` is its JSON."""

    status: int
    headers: Any
    body: Any


@pytest.fixture
def send(url: str, http: aiohttp.ClientSession) -> Any:
    """Return a function that sends to a hook and returns the answer."""

    async def post(hook: str, body: bytes = b"{}", method: str = "POST", **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"Content-Type": "application/json"} | named
        path = f"{url}/hooks/{hook}"
        async with http.request(method, path, data=body, headers=sent) as response:
            text = await response.read()
            if response.status >= 400:
                assert response.content_type == "application/problem+json"
            return Answer(
                response.status,
                response.headers,
                await response.json(content_type=None) if text else None,
            )

    return post
