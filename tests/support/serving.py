"""Real apps on real ports, in the test's own event loop: ASGI's, and aiohttp's."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import uvicorn
from aiohttp import web

from tests.support.local_platform import until
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(app: Any, lifespan: Any = "off", port: int = 0) -> AsyncIterator[str]:
    """Serve an app on loopback; yield its URL without a slash at the end."""
    port = port or free_port()
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            port=port,
            log_level="error",
            lifespan=lifespan,
            ws="none",
            timeout_graceful_shutdown=1,
        )
    )

    async def started() -> bool:
        return server.started

    task = asyncio.create_task(server._serve())  # serve() would take the signals
    await until(started, 10, "the app listens")
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task


@asynccontextmanager
async def answering(by: web.Application | Handler, **options: Any) -> AsyncIterator[str]:
    """Serve an app, or a handler of whatever is posted, on loopback; yield the URL without a slash.

    `options` are those of `aiohttp.web.AppRunner`.
    """
    if isinstance(by, web.Application):
        app = by
    else:
        app = web.Application()
        app.router.add_post("/{path:.*}", by)
    runner = web.AppRunner(app, access_log=None, **options)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
