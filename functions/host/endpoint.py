"""The event endpoint `POST /` as bare ASGI: a hop pays for no routing and no middleware.

Everything else of a service goes through FastAPI; measured, that is a fifth of a hop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fastapi import FastAPI

from events.envelope import parse
from functions.host.faults import Refused, respond

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import Receive, Scope, Send

    from events.envelope import Event, Message

    Take = Callable[[Event], Awaitable[Message | None]]

LARGEST_BODY: Final = 8 * 1024 * 1024
"""Bytes of a body; brokers refuse far smaller events."""


class Service(FastAPI):
    """A FastAPI app that takes events at `POST /` once `app.state.take` is set."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer an event directly, anything else as FastAPI does."""
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"] == "/":
            await _answer(self.state.take, scope, receive, send)
        else:
            for name, value in scope.get("headers", ()):
                if name == b"x-forwarded-prefix":  # so that the API's own pages link right
                    scope["root_path"] = value.decode("latin-1")
            await super().__call__(scope, receive, send)


async def _answer(take: Take, scope: Scope, receive: Receive, send: Send) -> None:
    try:
        headers = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in scope["headers"]]
        reply = await take(parse(headers, await read_body(receive)))
    except Exception as error:  # noqa: BLE001 - the one mapping decides what each means
        await respond(error)(scope, receive, send)
        return
    names, body = reply or ({}, b"")
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in names.items()]
    pairs.append((b"content-length", b"%d" % len(body)))
    status = 200 if reply else 202
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})


async def read_body(receive: Receive) -> bytes:
    """Return a request's whole body; Refused 413 when it is larger than LARGEST_BODY.

    One whose sender went away before its end is Refused too: what came of it is not what was sent.
    """
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "Incomplete", "the connection ended before the request's body did")
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > LARGEST_BODY:
            raise Refused(
                413,
                "Too large",
                f"a body has at most {LARGEST_BODY} bytes; put large values into the object store",
            )
    return body
