"""One delivery as it came in over HTTP: a value, whole and within its limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

from functions.host.faults import Refused

if TYPE_CHECKING:
    from starlette.requests import Request


@dataclass(frozen=True, slots=True)
class Delivery:
    """`headers` in the order sent, names in lower case; `token` from the query, if any."""

    headers: tuple[tuple[str, str], ...]
    body: bytes
    token: str | None = None

    def header(self, name: str) -> str | None:
        """Return the first header called `name` in any case."""
        wanted = name.lower()
        return next((value for header, value in self.headers if header == wanted), None)


async def receive(request: Request, limit: int) -> Delivery:
    """Read a request's delivery; refuse a body over `limit` bytes before all of it is in."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise _too_large(limit)
    except ClientDisconnect:
        raise Refused(400, "Incomplete", "the connection ended within the body") from None
    token = request.query_params.get("access_token")
    return Delivery(tuple(request.headers.items()), bytes(body), token)


def _too_large(limit: int) -> Refused:
    return Refused(413, "Body too large", f"this hook takes bodies of at most {limit} bytes")
