"""A request ready to be sent, and its parts made from JSON values; pure."""

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
    from collections.abc import Sequence

    from aiohttp import FormData

FORM: Final = "application/x-www-form-urlencoded"
_WITHOUT_EFFECT: Final = {"GET", "HEAD", "OPTIONS", "TRACE"}
_REPEATABLE: Final = _WITHOUT_EFFECT | {"PUT", "DELETE"}
_SECRET: Final = frozenset({"authorization", "proxy-authorization", "cookie"})
_KEY: Final = "Idempotency-Key"


@dataclass(frozen=True, slots=True)
class Request:
    """A request ready to be sent."""

    method: str
    url: URL
    headers: CIMultiDict[str]
    body: bytes | FormData | None
    secret: frozenset[str] = frozenset()
    """Names of more headers and query parameters, in lower case, that are credentials."""

    harmless: bool = False
    """Whether it changes nothing for anyone, whatever its method says."""

    @property
    def repeatable(self) -> bool:
        """Whether sending it twice does no more than sending it once."""
        return self.harmless or self.method in _REPEATABLE or _KEY in self.headers

    def shown(self) -> dict[str, Any]:
        """Return the DSL's HTTP Request object; credentials are masked, they are not results."""
        hidden = _SECRET | self.secret
        headers = {
            name: "***" if name.lower() in hidden else value for name, value in self.headers.items()
        }
        url = self.url.with_user(None) if self.url.user is not None else self.url
        masked = dict.fromkeys((n for n in url.query if n.lower() in self.secret), "***")
        url = url.update_query(masked) if masked else url
        return {"method": self.method.lower(), "uri": str(url), "headers": headers}


def sealed(method: str, headers: Mapping[str, str], idempotency_key: str) -> CIMultiDict[str]:
    """Return the headers to send; ToolError (validation) for a line break in one.

    The task's idempotency key goes along with every method that may have an effect, unless
    the headers have their own; an empty one is taken out.
    """
    sent = CIMultiDict(headers)
    if method not in _WITHOUT_EFFECT:
        sent.setdefault(_KEY, idempotency_key)
    if not sent.get(_KEY, "?"):
        del sent[_KEY]
    if any(character in "\r\n\0" for pair in sent.items() for part in pair for character in part):
        raise wrong("a header has a line break in it")
    return sent


def target(uri: str, query: Sequence[tuple[str, str]]) -> URL:
    """Return a URI with more query parameters; ToolError (validation) if it cannot be called."""
    try:
        url = URL(uri).extend_query(query)
    except (ValueError, TypeError) as error:
        raise wrong(f"{uri!r} is no URI: {error}") from None
    if url.scheme not in {"http", "https"} or not url.host:
        raise wrong(f"{uri!r} is no http or https URI")
    return url


def encoded(body: Any, headers: CIMultiDict[str]) -> bytes | None:
    """Return the bytes of a body, and set its Content-Type unless the headers have one."""
    if body is None:
        return None
    if isinstance(body, str):
        headers.setdefault("Content-Type", "text/plain; charset=utf-8")
        return body.encode()
    media = headers.setdefault("Content-Type", "application/json")
    if media.startswith(FORM) and isinstance(body, Mapping):
        return urlencode({name: text(value) for name, value in body.items()}).encode()
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def text(value: Any) -> str:
    """Return a JSON value as it goes into a URI, a header or a form."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def wrong(reason: str) -> ToolError:
    """Return the error that an input without a request is."""
    return ToolError(reason, type=ErrorType.VALIDATION, title="Invalid HTTP request")
