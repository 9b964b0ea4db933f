"""The same server as the platform's, answering 202 to anything: the ingress's upper limit."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request


async def echo(request: Request) -> Response:
    """Read the body and answer as the broker does."""
    await request.body()
    return Response(status_code=202)


app = Starlette(
    routes=[Route("/{namespace}/{broker}", echo, methods=["POST"]), Route("/healthz", echo)]
)

if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", access_log=False)
