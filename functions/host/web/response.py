"""From the response that came to a task's output; pure."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from email.message import Message
from typing import TYPE_CHECKING, Any, Final, Literal

import orjson

from events.errors import ErrorType, ToolError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from functions.host.web.request import Request

Output = Literal["raw", "content", "response"]

_TEXT: Final = {"application/xml", "application/yaml", "application/javascript"}


@dataclass(frozen=True, slots=True)
class Response:
    """A response, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def media(self) -> tuple[str, str]:
        """The media type without parameters, lower-case, and the charset."""
        message = Message()
        message["Content-Type"] = self.headers.get("Content-Type", "application/octet-stream")
        return message.get_content_type(), message.get_content_charset("utf-8")


def output(request: Request, response: Response, form: Output) -> Any:
    """Return what the DSL's `output` asks for; ToolError when JSON is none."""
    if form == "raw":
        return _base64(response.body)
    if form == "content":
        return content(response)
    return {
        "request": request.shown(),
        "statusCode": response.status,
        "headers": dict(response.headers),
        "content": content(response),
    }


def content(response: Response) -> Any:
    """Return JSON as its value, text as a string, anything else in base64, nothing as None."""
    if not response.body:
        return None
    media, charset = response.media
    if media == "application/json" or media.endswith("+json"):
        return _json(response)
    if media.startswith("text/") or media.endswith("+xml") or media in _TEXT:
        return _decode(response.body, charset)
    return _base64(response.body)


def excerpt(body: bytes) -> str:
    """Return the beginning of a body for an error message, on one line."""
    text = " ".join(body[:1200].decode(errors="replace").split())
    return text if len(text) <= 300 else f"{text[:300]}..."  # noqa: PLR2004 - what one line takes


def _json(response: Response) -> Any:
    try:
        return orjson.loads(response.body)
    except orjson.JSONDecodeError as error:
        raise ToolError(
            f"the response says it is JSON and is not ({error}): {excerpt(response.body)!r}; "
            "`output: raw` takes it as it is",
            type=ErrorType.COMMUNICATION,
            title="Invalid response",
        ) from None


def _decode(body: bytes, charset: str) -> str:
    try:
        return body.decode(charset, errors="replace")
    except LookupError:
        return body.decode(errors="replace")


def _base64(body: bytes) -> str | None:
    return base64.b64encode(body).decode() if body else None
