"""Errors as HTTP responses."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.responses import StreamingResponse

from functions.host.serve import service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi import FastAPI


@pytest.fixture
def app() -> FastAPI:
    """A service with two defects in its API."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield

    async def broken() -> None:
        raise LookupError("a defect")

    async def cut() -> StreamingResponse:
        async def body() -> AsyncIterator[bytes]:
            yield b"half"
            raise LookupError("a defect")

        return StreamingResponse(body())

    made = service("test", lifespan)
    made.add_api_route("/broken", broken)
    made.add_api_route("/cut", cut)
    return made


async def get(app: FastAPI, path: str) -> list[dict[str, Any]]:
    """Send a request as a server does; return what the app sent."""
    sent: list[dict[str, Any]] = []
    received = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> dict[str, Any]:
        for message in received:
            return message
        await asyncio.Event().wait()  # the client stays and says no more
        raise AssertionError

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(),
        "query_string": b"", "headers": [], "http_version": "1.1", "scheme": "http",
        "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1), "root_path": "",
    }  # fmt: skip
    await app(scope, receive, send)
    return sent


async def test_a_defect_is_answered_and_not_raised_again(app: FastAPI) -> None:
    """A defect is a 500 problem that tells a stranger nothing; the connection lives on."""
    start, body = await get(app, "/broken")
    assert start["status"] == 500
    assert json.loads(body["body"])["detail"] == "LookupError; the service's log has the traceback"


async def test_a_defect_in_a_begun_answer_cuts_it(app: FastAPI) -> None:
    """An answer that has begun cannot become another: the server hears of it and cuts it."""
    with pytest.raises(LookupError):
        await get(app, "/cut")
