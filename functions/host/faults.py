"""Errors as HTTP responses: the one mapping, RFC 7807 for all of them.

Only these statuses reach a broker: 4xx means the event itself is wrong (a dead letter at
once), 5xx means this host could not record or emit (the broker delivers again).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import orjson
from starlette.exceptions import HTTPException
from starlette.responses import Response

from events.envelope import EnvelopeError
from events.errors import Problem, TendrilError
from functions.host.ledger import LedgerUnavailable

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)
Handler = Callable[[Any, Exception], Response]


class SinkUnavailable(Exception):  # noqa: N818 - the state, not a mistake of the caller
    """The broker did not take an event; it will be delivered or swept again."""


class Refused(Exception):  # noqa: N818 - a decision, not a failure
    """A request that is well formed but not allowed; carries its own status."""

    def __init__(self, status: int, title: str, detail: str, **members: Any) -> None:
        super().__init__(detail)
        self.status, self.title, self.detail, self.members = status, title, detail, members


def problem(status: int, title: str, detail: str, **members: Any) -> Response:
    """Return an application/problem+json response; `members` are RFC 7807 extensions."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **members}
    return Response(orjson.dumps(body), status, media_type="application/problem+json")


def envelope(_: Request | None, error: Exception) -> Response:
    """A malformed event is the sender's: 400."""
    assert isinstance(error, EnvelopeError)
    return problem(
        400, "Not a valid event", f"{error.attribute}: {error.reason}", attribute=error.attribute
    )


def refused(_: Request | None, error: Exception) -> Response:
    """A refusal says its own status."""
    assert isinstance(error, Refused)
    return problem(error.status, error.title, error.detail, **error.members)


def unavailable(_: Request | None, error: Exception) -> Response:
    """The store or the broker is away: the broker shall deliver again."""
    log.warning("unavailable: %s", error)
    response = problem(503, "Temporarily unavailable", str(error))
    response.headers["Retry-After"] = "1"
    return response


def domain(_: Request | None, error: Exception) -> Response:
    """A domain error has its status in its problem."""
    assert isinstance(error, TendrilError)
    return _problem_response(error.problem)


def _problem_response(value: Problem) -> Response:
    body = orjson.dumps(value.to_json())
    return Response(body, value.status, media_type="application/problem+json")


def no_route(request: Request | None, error: Exception) -> Response:
    """A path or a method that the service does not have."""
    assert isinstance(error, HTTPException)
    asked = f"{request.method} {request.url.path}" if request else "this request"
    detail = f"{asked} is not served here; GET /openapi.json says what is"
    response = problem(error.status_code, HTTPStatus(error.status_code).phrase, detail)
    response.headers.update(error.headers or {})
    return response


def invalid(_: Request | None, error: Any) -> Response:
    """A parameter or a body that an API's models refuse: 422, each field with its reason."""
    errors = [
        {"field": ".".join(str(step) for step in item["loc"]), "message": item["msg"]}
        for item in error.errors()
    ]
    detail = "; ".join(f"{item['field']}: {item['message']}" for item in errors[:5])
    return problem(422, "Invalid request", detail, errors=errors)


def unexpected(_: Request | None, error: Exception) -> Response:
    """A defect: the log has the traceback, the broker delivers again and then gives up."""
    log.error("unexpected error", exc_info=error)
    detail = f"{type(error).__name__}; the service's log has the traceback"
    return problem(500, "Internal error", detail)


_MAPPING: Final[tuple[tuple[type[Exception], Handler], ...]] = (
    (EnvelopeError, envelope),
    (Refused, refused),
    (LedgerUnavailable, unavailable),
    (SinkUnavailable, unavailable),
    (OSError, unavailable),
    (TendrilError, domain),
    (Exception, unexpected),
)


def respond(error: Exception) -> Response:
    """Return the response that an error means."""
    handler = next(handler for kind, handler in _MAPPING if isinstance(error, kind))
    return handler(None, error)


class Guard:
    """Answers a defect in an API like any error.

    Starlette would answer it and raise it again; the server then cuts a connection on which a
    proxy may have sent the next request.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; what it raises before its answer began is mapped."""
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as error:
            if started or scope["type"] != "http":
                raise
            await respond(error)(scope, receive, send)


def install(app: Starlette) -> None:
    """Register the mapping on an app; a handler added after this speaks for its error instead."""
    for kind, handler in _MAPPING:
        if kind is not Exception:
            app.add_exception_handler(kind, handler)
    app.add_middleware(Guard)
    app.add_exception_handler(HTTPException, no_route)


def install_api(app: FastAPI) -> None:
    """Register the mapping on an API, and what only an API raises."""
    from fastapi.exceptions import RequestValidationError  # lazy: not every service has FastAPI

    install(app)
    app.add_exception_handler(RequestValidationError, invalid)
