"""`serve(handle, ...)`: a handler becomes a CloudEvents service in one line."""

from __future__ import annotations

from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from fastapi import Request, Response

from functions.host.assembly import Platform, opened
from functions.host.context import Resources
from functions.host.egress import EgressPolicy, session
from functions.host.endpoint import Service
from functions.host.faults import install_api
from functions.host.handover import Handover
from functions.host.hop import Worker
from functions.host.outcomes import RetryPolicy
from functions.host.settings import Settings
from functions.host.tool import Tool, tool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    import aiohttp
    from fastapi import FastAPI

    from functions.host.context import Context
    from functions.host.handover import HandOver
    from functions.host.tool import Reserve

_PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    "4XX": {
        "description": "What is wrong, where, and what to do (RFC 7807)",
        "content": {
            "application/problem+json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "type": {"type": "string"},
                        "title": {"type": "string"},
                        "status": {"type": "integer"},
                        "detail": {"type": "string"},
                    },
                }
            }
        },
    }
}
"""How an API describes its errors; FastAPI's own 422 would describe another body."""


def serve(
    handle: Callable[[Any, Context], Awaitable[Any]],
    *,
    name: str,
    version: str,
    timeout: float = 60.0,
    reserve: Reserve | None = None,
    hand_over: HandOver | None = None,
) -> FastAPI:
    """Return the ASGI app that answers task-requested events with `handle`.

    `timeout` is in seconds and must be less than the service's `timeoutSeconds`. `reserve` tells
    what a call may use of a run's budget at the most; what it used, the handler adds to
    `context.meter`. `hand_over` gives away what somebody else is to claim and do.
    """
    described = tool(handle, name=name, version=version, timeout=timeout, reserve=reserve)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        settings = Settings()
        async with (
            opened(settings) as platform,
            session(EgressPolicy.parse(settings.egress_allow)) as http,
            aclosing(Resources()) as resources,
        ):
            app.state.ready = platform.ledger.ready
            take = worker(described, platform, http, resources).do
            if hand_over:
                take = Handover(hand_over, platform, resources, take).take
            app.state.take = take
            yield

    app = service(described.name, lifespan)
    app.state.tool = described
    return app


def service(title: str, lifespan: Callable[[FastAPI], Any]) -> FastAPI:
    """Return an app with what every service has: events, health and the one error mapping.

    The lifespan sets `app.state.take`, which gets the events, and `app.state.ready`, which
    raises what the mapping makes a 503 while no event can be taken.
    """
    app = Service(
        title=title,
        lifespan=lifespan,
        redirect_slashes=False,
        responses=_PROBLEMS,
        # FastAPI's pages load their scripts from elsewhere; /openapi.json is for any reader
        docs_url=None,
        redoc_url=None,
    )
    install_api(app)
    app.add_api_route("/health/ready", _ready, methods=["GET"], include_in_schema=False)
    app.add_api_route("/health/live", _alive, methods=["GET"], include_in_schema=False)
    return app


async def _ready(request: Request) -> Response:
    await request.app.state.ready()
    return Response(status_code=200)


async def _alive() -> Response:
    return Response(status_code=200)


def worker(
    described: Tool, platform: Platform, http: aiohttp.ClientSession, resources: Resources
) -> Worker:
    """Return what does a tool's hops; makes the tool's folder."""
    settings = platform.settings
    folder = settings.data / "tools" / described.name
    folder.mkdir(parents=True, exist_ok=True)
    return Worker(
        described,
        platform,
        RetryPolicy(settings.retry_attempts, settings.retry_delay, settings.retry_max_delay),
        folder=folder,
        http=http,
        resources=resources,
    )
