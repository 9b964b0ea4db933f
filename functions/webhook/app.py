"""The webhook service."""

from __future__ import annotations

import logging
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from functions.host import faults
from functions.host.faults import SinkUnavailable, problem
from functions.host.secrets import Keyring
from functions.host.settings import Settings as HostSettings
from functions.host.sink import Sink
from functions.webhook.hookfile import HookFile
from functions.webhook.receiver import Receiver
from functions.webhook.settings import Settings
from functions.webhook.signatures import Unauthorized

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

log = logging.getLogger(__name__)

_RETRY_AFTER: Final = "5"


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    host, settings = HostSettings(), Settings()
    file = HookFile(settings.hooks or host.data / "hooks.yaml", optional=settings.hooks is None)
    keyring = Keyring.here(host.secrets_dir)
    sink = Sink(host.sink)
    app.state.receiver = Receiver(file, keyring, sink, time.time)
    yield
    await sink.close()


async def _hook(request: Request) -> Response:
    receiver: Receiver = request.app.state.receiver
    response = await receiver.answer(request.path_params["name"], request)
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _unauthorized(_: Request, error: Exception) -> Response:
    assert isinstance(error, Unauthorized)
    response = problem(error.status, error.title, error.detail)
    response.headers["WWW-Authenticate"] = error.scheme
    return response


def _unavailable(_: Request, error: Exception) -> Response:
    """The sender is a stranger: it learns that it may try again, the log which URL or file."""
    log.warning("a delivery was not taken: %s", error)
    response = problem(503, "Temporarily unavailable", "no event was made; deliver again")
    response.headers["Retry-After"] = _RETRY_AFTER
    return response


def _no_route(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = "deliveries are POSTed to /hooks/{name}"
    response = problem(error.status_code, error.detail, detail)
    response.headers.update(error.headers or {})
    return response


async def _alive(_: Request) -> Response:
    return Response()


app = Starlette(
    lifespan=_lifespan,
    routes=[
        Route("/hooks/{name}", _hook, methods=["POST", "OPTIONS"]),
        Route("/health/ready", _alive),
        Route("/health/live", _alive),
    ],
)
app.router.redirect_slashes = False  # senders must not follow redirects (section 2.2)
faults.install(app)
app.add_exception_handler(Unauthorized, _unauthorized)
app.add_exception_handler(HTTPException, _no_route)
for unavailable in (SinkUnavailable, OSError):
    app.add_exception_handler(unavailable, _unavailable)
