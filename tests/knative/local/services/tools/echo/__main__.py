"""A small service for the activator's tests; `python -m echo`."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import uvicorn
from starlette.applications import Starlette
from starlette.responses import (
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

SEEN: dict[str, int] = {"calls": 0, "most": 0, "now": 0, "closed": 0, "asked": 0}
TAKEN: list[str] = []


async def echo(request: Request) -> Response:
    """Say what arrived and where."""
    body = await request.body()
    SEEN["calls"] += 1
    return JSONResponse(
        {
            "method": request.method,
            "path": request.scope["raw_path"].decode(),
            "query": request.url.query,
            "headers": [(name, value) for name, value in request.headers.items()],
            "body": body.decode(),
            "pid": os.getpid(),
            "parent": os.getppid(),
            "environment": dict(os.environ),
            "preloaded": "json.tool" in sys.modules,
        }
    )


async def slow(request: Request) -> Response:
    """Answer after some seconds, and how many such requests there were at most at a time."""
    SEEN["now"] += 1
    SEEN["most"] = max(SEEN["most"], SEEN["now"])
    try:
        await asyncio.sleep(float(request.query_params["seconds"]))
    finally:
        SEEN["now"] -= 1
    return JSONResponse(SEEN)


async def stream(_: Request) -> Response:
    """Send server-sent events without end."""

    async def events() -> AsyncIterator[bytes]:
        number = 0
        try:
            while True:
                number += 1
                yield f"id: {number}\ndata: {number}\n\n".encode()
                await asyncio.sleep(0.05)
        finally:
            SEEN["closed"] += 1

    return StreamingResponse(events(), media_type="text/event-stream")


async def upload(request: Request) -> Response:
    """Count what is streamed in."""
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
    return JSONResponse({"size": size})


async def seen(_: Request) -> Response:
    """Return the counters."""
    SEEN["asked"] += 1
    return JSONResponse({**SEEN, "taken": TAKEN})


async def redirect(_: Request) -> Response:
    """Answer with headers a proxy has to look at."""
    response = PlainTextResponse("there", 201, {"location": "/made/1", "connection": "x-hop"})
    response.headers["x-hop"] = "drop me"
    response.headers.append("set-cookie", "a=1")
    response.headers.append("set-cookie", "b=2")
    return response


async def moved(_: Request) -> Response:
    """Say that this is somewhere else."""
    return RedirectResponse("/seen", 302)


async def take(request: Request) -> Response:
    """Take an event."""
    TAKEN.append(request.headers["ce-id"])
    return Response(status_code=202)


async def hang_up(request: Request) -> Response:
    """Die without an answer."""
    await request.body()
    os._exit(1)


async def child(_: Request) -> Response:
    """Start a process of its own, as a pool of workers would."""
    process = subprocess.Popen(["sleep", "600"])
    return JSONResponse({"pid": process.pid})


async def ready(_: Request) -> Response:
    """Be ready."""
    return PlainTextResponse("ready")


def main() -> None:
    """Serve on $PORT."""
    if "ECHO_CRASH" in os.environ:
        sys.exit("cannot start: ECHO_CRASH is set")
    time.sleep(float(os.environ.get("ECHO_DELAY", "0")))
    routes = [
        Route("/health/ready", ready),
        Route("/health/live", ready),
        Route("/slow", slow, methods=["GET", "POST"]),
        Route("/stream", stream),
        Route("/upload", upload, methods=["POST"]),
        Route("/seen", seen, methods=["GET", "POST"]),
        Route("/redirect", redirect),
        Route("/take", take, methods=["POST"]),
        Route("/moved", moved, methods=["POST"]),
        Route("/hang-up", hang_up, methods=["POST"]),
        Route("/child", child, methods=["POST"]),
        Route("/{path:path}", echo, methods=["GET", "POST", "PUT"]),
    ]
    uvicorn.run(Starlette(routes=routes), port=int(os.environ["PORT"]), log_level="warning")


if __name__ == "__main__":
    main()
