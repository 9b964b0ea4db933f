"""Providers that misbehave on purpose, on real sockets, and a context to ask them from."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from functions.host.context import Context, Resources
from functions.host.egress import EgressPolicy, session
from functions.host.objects import open_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path


def completion(content: Any = "hello", **members: Any) -> dict[str, Any]:
    """Return a chat completion as providers send it."""
    message = {"role": "assistant", "content": content}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    return {"model": "real-name", "choices": [choice], "usage": usage} | members


class Provider:
    """One endpoint; `script` says what it does next, the last entry for ever."""

    def __init__(self) -> None:
        self.url = ""
        self.script: list[Any] = [completion()]
        self.seen: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.released = asyncio.Event()
        self.arrived = asyncio.Event()
        self.hanging = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Do what the script says: a completion, a status, bytes, "hang" or "reset"."""
        self.seen.append(await request.json())
        self.headers.append(dict(request.headers))
        turn = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if turn == "hang":
            self.hanging += 1
            self.arrived.set()
            await self.released.wait()
            turn = completion()
        if turn == "reset":
            assert request.transport is not None
            request.transport.abort()
        if isinstance(turn, web.Response):
            body = turn.body if isinstance(turn.body, bytes) else b""
            return web.Response(body=body, status=turn.status, headers=turn.headers)
        return web.json_response(turn) if isinstance(turn, dict) else web.Response(body=turn)


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[], Any]]:
    """Start providers that end with the test."""
    runners: list[tuple[web.AppRunner, Provider]] = []

    async def start() -> Provider:
        provider = Provider()
        app = web.Application()
        app.router.add_post("/v1/chat/completions", provider.answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        runners.append((runner, provider))
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        provider.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        return provider

    yield start
    for runner, provider in runners:
        provider.released.set()
        await runner.cleanup()


@pytest.fixture
async def first(serve: Callable[[], Any]) -> Provider:
    """The provider that is asked first."""
    provider: Provider = await serve()
    return provider


@pytest.fixture
async def second(serve: Callable[[], Any]) -> Provider:
    """The provider that is asked when the first one fails."""
    provider: Provider = await serve()
    return provider


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Configure providers as an operator does, called first, second, ..."""

    def put(*providers: Provider, **members: Any) -> None:
        names = ["first", "second", "third"]
        chain = [
            {"name": name, "url": provider.url, "model": f"model-{name}"} | members
            for name, provider in zip(names, providers, strict=False)
        ]
        monkeypatch.setenv("TENDRIL_LLM_PROVIDERS", json.dumps(chain))

    return put


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[Context]:
    """A task's surroundings; nothing private may be reached through its client."""
    async with session(EgressPolicy()) as http, aclosing(Resources()) as resources:
        yield Context(
            run="run-1",
            task="/do/0/ask#1",
            attempt=1,
            idempotency_key="key-of-the-task",
            timeout=60.0,
            log=logging.LoggerAdapter(logging.getLogger("test")),
            folder=tmp_path,
            objects=open_store(f"file://{tmp_path}/objects"),
            http=http,
            resources=resources,
        )
