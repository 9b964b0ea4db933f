"""Real ASGI apps on real ports, in the test's own event loop."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import uvicorn

from tests.support.local_platform import until
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


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
