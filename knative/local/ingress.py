"""The broker's door: `POST /{namespace}/{broker}`, as one ASGI application.

202 means stored. Whatever is refused is told why as application/problem+json (RFC 9457).
Source: knative/eventing `pkg/broker/ingress/ingress_handler.go`.
"""

from __future__ import annotations

import math
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol

import orjson

from events.attributes import EnvelopeError
from events.envelope import Event, is_batch, parse, parse_batch
from events.errors import ErrorType
from knative.local.broker import NotAccepting, UnknownBroker
from knative.local.pressure import Busy
from knative.local.rates import TooMany
from knative.local.tables import StoreError, StoreFull

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.types import Receive, Scope, Send

    from knative.local.rates import Rates

MAX_BODY: Final = 1024 * 1024
"""Bytes of one request's body."""

_ALLOW: Final = (b"allow", b"POST, OPTIONS")
_LENGTH: Final = b"content-length"
_TYPE: Final = b"content-type"
_NO_BODY: Final = (_LENGTH, b"0")
_RETRY: Final = (b"retry-after", b"1")


class Accepts(Protocol):
    """What the door needs of a broker."""

    async def accept_all(self, events: Sequence[Event], address: str) -> None:
        """Store all events or raise."""


class Rejection(Exception):  # noqa: N818 - a value on its way to the client
    """A request that is not accepted, as a problem with further members and headers."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        members: Mapping[str, str] = MappingProxyType({}),
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.members = members
        self.headers = headers

    def document(self) -> bytes:
        """Return the problem document."""
        invalid = self.status == HTTPStatus.BAD_REQUEST
        kind = ErrorType.VALIDATION if invalid else "about:blank"
        problem = {"type": kind, "title": self.status.phrase, "status": self.status.value}
        return orjson.dumps({**problem, "detail": self.detail, **self.members})


class Ingress:
    """The ASGI application; `limit` is the largest body in bytes, `rates` bound each source."""

    def __init__(
        self, broker: Accepts, *, limit: int = MAX_BODY, rates: Rates | None = None
    ) -> None:
        self._broker = broker
        self._limit = limit
        self._rates = rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["method"] == "OPTIONS":
            await _answer(send, HTTPStatus.OK, self._handshake())
            return
        try:
            await self._accept(scope, receive)
        except Rejection as rejection:
            await _refuse(send, rejection)
        else:
            await _answer(send, HTTPStatus.ACCEPTED, [_NO_BODY])

    async def _accept(self, scope: Scope, receive: Receive) -> None:
        address = _address(scope)
        headers = _headers(scope)
        body = await self._body(scope, receive)
        try:
            events = parse_batch(headers, body) if is_batch(headers) else [parse(headers, body)]
            if self._rates is not None:
                self._rates.take(events)
            await self._broker.accept_all(events, address)
        except EnvelopeError as error:
            detail = f"not a CloudEvent this broker takes: {error}"
            members = {"attribute": error.attribute, "reason": error.reason}
            raise Rejection(HTTPStatus.BAD_REQUEST, detail, members) from None
        except UnknownBroker:
            detail = f"there is no broker {address}: check the namespace and the name in the path"
            raise Rejection(HTTPStatus.NOT_FOUND, detail) from None
        except TooMany as error:
            raise _throttled(error) from None
        except NotAccepting:
            raise _unavailable("the broker is starting or stopping: send the event again") from None
        except Busy as error:
            raise _unavailable(f"nothing was stored: {error}; send the event later") from None
        except StoreFull as error:
            raise _unavailable(f"nothing was stored: {error}") from None
        except StoreError as error:
            detail = f"nothing was stored: {error}"
            raise Rejection(HTTPStatus.INTERNAL_SERVER_ERROR, detail) from None

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        declared = next((value for name, value in scope["headers"] if name == _LENGTH), b"0")
        if declared.isdigit() and int(declared) > self._limit:
            raise self._too_large()
        parts, size, more = [], 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Rejection(HTTPStatus.BAD_REQUEST, "the body ended early")
            part = message.get("body", b"")
            size += len(part)
            if size > self._limit:
                raise self._too_large()
            parts.append(part)
            more = message.get("more_body", False)
        return b"".join(parts)

    def _handshake(self) -> list[tuple[bytes, bytes]]:
        """Return the webhook handshake's headers; a rate is in requests per minute."""
        rate = b"*" if self._rates is None else b"%d" % max(1, int(self._rates.rate * 60))
        origin = (b"webhook-allowed-origin", b"*")
        return [_ALLOW, origin, (b"webhook-allowed-rate", rate), _NO_BODY]

    def _too_large(self) -> Rejection:
        detail = f"the body is larger than {self._limit} bytes: put large values into the object"
        detail += " store and send a dataref"
        close = ((b"connection", b"close"),)
        return Rejection(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail, headers=close)


def _address(scope: Scope) -> str:
    """Return `namespace/name`; in the order in which the Go ingress refuses."""
    if scope["method"] != "POST":
        detail = f"{scope['method']} is not served here: POST a CloudEvent"
        raise Rejection(HTTPStatus.METHOD_NOT_ALLOWED, detail, headers=(_ALLOW,))
    path: str = scope["path"]
    if path == "/":
        raise Rejection(HTTPStatus.NOT_FOUND, "post to /{namespace}/{broker}")
    segments = path.removesuffix("/").split("/")
    if len(segments) != 3 or not all(segments[1:]):  # noqa: PLR2004 - a root and two names
        raise Rejection(HTTPStatus.BAD_REQUEST, f"{path} is not /{{namespace}}/{{broker}}")
    return f"{segments[1]}/{segments[2]}"


def _headers(scope: Scope) -> list[tuple[str, str]]:
    """Return the headers that an event is made of; names are in lower case by ASGI."""
    return [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in scope["headers"]
        if name.startswith(b"ce-") or name == _TYPE
    ]


def _throttled(error: TooMany) -> Rejection:
    wait = math.ceil(error.wait)
    return Rejection(
        HTTPStatus.TOO_MANY_REQUESTS,
        f"{error}: send the event again in {wait} s",
        {"source": error.source},
        ((b"retry-after", b"%d" % wait),),
    )


def _unavailable(detail: str) -> Rejection:
    return Rejection(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers=(_RETRY,))


async def _answer(
    send: Send, status: HTTPStatus, headers: Sequence[tuple[bytes, bytes]], body: bytes = b""
) -> None:
    await send({"type": "http.response.start", "status": status.value, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _refuse(send: Send, rejection: Rejection) -> None:
    body = rejection.document()
    headers = [
        (_TYPE, b"application/problem+json"),
        (_LENGTH, str(len(body)).encode()),
        *rejection.headers,
    ]
    await _answer(send, rejection.status, headers, body)
