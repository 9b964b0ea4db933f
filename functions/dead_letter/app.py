"""The dead-letter sink as a service."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import Request, Response

from events.envelope import parse
from functions.dead_letter.burial import Burial
from functions.host.assembly import opened
from functions.host.serve import service
from functions.host.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi import FastAPI


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with opened(Settings()) as platform:
        app.state.burial = Burial(platform)
        yield


async def _take(request: Request) -> Response:
    event = parse(request.headers.items(), await request.body())
    await request.app.state.burial.take(event)
    return Response(status_code=202)


app = service("Tendril dead letters", _lifespan)
app.add_api_route("/", _take, methods=["POST"], include_in_schema=False)
