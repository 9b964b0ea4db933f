"""The platform's one port: the broker, the services, and what is said about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route

from knative.local.inquiry import PATH, Inquiry
from knative.local.landing import page
from knative.local.proxy import PREFIX, Proxy
from knative.local.revision import State

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

    from knative.local.activator import Activator

OPTIONAL: Final = "inference"
"""The service that the platform counts as healthy without: loading a model takes its time."""
_PAGES: Final = frozenset({"/", "/services", "/healthz"})
_READS: Final = frozenset({"GET", "HEAD"})


class Gateway:
    """Routes by path: services to the proxy, pages to Starlette, all else to the broker."""

    def __init__(self, activator: Activator, ingress: ASGIApp, url: str, inquiry: Inquiry) -> None:
        self._activator = activator
        self._ingress = ingress
        self._url = url
        self._proxy = Proxy(activator)
        self._pages = Starlette(
            routes=[
                Route("/", self._landing),
                Route("/services", self._services),
                Route("/healthz", self._health),
                Route(PATH, inquiry.listed),
                Route(PATH, inquiry.judged, methods=["POST"]),
            ]
        )

    def end_streams(self) -> None:
        """Cut the event streams, which would not end by themselves."""
        self._proxy.end_streams()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        if path.startswith(PREFIX):
            await self._proxy(scope, receive, send)
        elif path == PATH or (path in _PAGES and scope["method"] in _READS):
            await self._pages(scope, receive, send)
        else:
            await self._ingress(scope, receive, send)

    async def _landing(self, _: Request) -> Response:
        return HTMLResponse(page(self._url, self._activator.statuses()))

    async def _services(self, _: Request) -> Response:
        return JSONResponse({"services": self._activator.statuses()})

    async def _health(self, _: Request) -> Response:
        waiting = {
            status["name"]: status["failure"] or status["state"]
            for status in self._activator.statuses()
            if status["minScale"] and status["state"] != State.READY and status["name"] != OPTIONAL
        }
        body = {"status": "starting" if waiting else "ready", "waiting": waiting}
        return JSONResponse(body, 503 if waiting else 200)
