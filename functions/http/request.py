"""From the tool's input to the request that is sent; pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from multidict import CIMultiDict
from yarl import URL

from events.errors import ErrorType, ToolError

if TYPE_CHECKING:
    from functions.http.models import In

_WITHOUT_EFFECT: Final = {"GET", "HEAD", "OPTIONS", "TRACE"}
_REPEATABLE: Final = _WITHOUT_EFFECT | {"PUT", "DELETE"}
_SECRET: Final = {"authorization", "proxy-authorization", "cookie"}
_KEY: Final = "Idempotency-Key"
_FORM: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Request:
    """A request ready to be sent."""

    method: str
    url: URL
    headers: CIMultiDict[str]
    body: bytes | None

    @property
    def repeatable(self) -> bool:
        """Whether sending it twice does no more than sending it once."""
        return self.method in _REPEATABLE or _KEY in self.headers

    def shown(self) -> dict[str, Any]:
        """Return the DSL's HTTP Request object; credentials are masked, they are not results."""
        headers = {
            name: "***" if name.lower() in _SECRET else value
            for name, value in self.headers.items()
        }
        url = self.url.with_user(None) if self.url.user is not None else self.url
        return {"method": self.method.lower(), "uri": str(url), "headers": headers}


def prepare(request: In, idempotency_key: str) -> Request:
    """Return the request to send; ToolError (validation) when the input makes none.

    The task's idempotency key goes along with every method that may have an effect, unless
    the input has its own.
    """
    method = request.method.upper()
    headers = CIMultiDict({name: _text(value) for name, value in request.headers.items()})
    if method not in _WITHOUT_EFFECT:
        headers.setdefault(_KEY, idempotency_key)
    if not headers.get(_KEY, "?"):
        del headers[_KEY]
    if any(
        character in "\r\n\0" for pair in headers.items() for part in pair for character in part
    ):
        raise _wrong("a header has a line break in it")
    body = _body(request.body, headers)
    return Request(method, _url(request), headers, body)


def _url(request: In) -> URL:
    try:
        url = URL(request.uri)
        pairs = [
            (name, _text(one))
            for name, value in request.query.items()
            for one in (value if isinstance(value, list) else [value])
            if one is not None
        ]
        url = url.extend_query(pairs)
    except (ValueError, TypeError) as error:
        raise _wrong(f"{request.uri!r} is no URI: {error}") from None
    if url.scheme not in {"http", "https"} or not url.host:
        raise _wrong(f"{request.uri!r} is no http or https URI")
    return url


def _body(body: Any, headers: CIMultiDict[str]) -> bytes | None:
    if body is None:
        return None
    if isinstance(body, str):
        headers.setdefault("Content-Type", "text/plain; charset=utf-8")
        return body.encode()
    media = headers.setdefault("Content-Type", "application/json")
    if media.startswith(_FORM) and isinstance(body, Mapping):
        return urlencode({name: _text(value) for name, value in body.items()}).encode()
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _wrong(reason: str) -> ToolError:
    return ToolError(reason, type=ErrorType.VALIDATION, title="Invalid HTTP request")
