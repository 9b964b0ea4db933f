"""From the tool's input to the request that is sent; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.host.web.endpoint import endpoint
from functions.host.web.request import Request, encoded, sealed, target, text

if TYPE_CHECKING:
    from functions.http.models import In


def prepare(request: In, idempotency_key: str) -> Request:
    """Return the request to send; ToolError (validation) when the input makes none.

    The task's idempotency key goes along with every method that may have an effect, unless
    the input has its own.
    """
    method = request.method.upper()
    given = {name: text(value) for name, value in request.headers.items()}
    headers = sealed(method, given, idempotency_key)
    body = encoded(request.body, headers)
    return Request(method, target(endpoint(request.endpoint).uri, _query(request)), headers, body)


def _query(request: In) -> list[tuple[str, str]]:
    return [
        (name, text(one))
        for name, value in request.query.items()
        for one in (value if isinstance(value, list) else [value])
        if one is not None
    ]
