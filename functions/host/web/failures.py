"""Which failed calls another attempt may mend; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import aiohttp

from events.errors import ErrorType, RetryableError, ToolError
from functions.host import retry_after
from functions.host.web.response import Response, excerpt

if TYPE_CHECKING:
    from datetime import datetime

    from functions.host.web.limits import ExchangeLimits
    from functions.host.web.request import Request

_NOT_DONE: Final = {408, 425, 429, 503}
"""The server says that it did not do it: any request may be sent again."""

_PERHAPS_DONE: Final = {502, 504}
"""A gateway lost the answer: only a repeatable request may be sent again."""


def accepts(status: int, *, redirect: bool) -> bool:
    """Tell whether the DSL takes a status for a result."""
    return 200 <= status <= (399 if redirect else 299)  # noqa: PLR2004 - the DSL's own bounds


def refused(request: Request, response: Response, now: datetime) -> ToolError:
    """Return the error that an unacceptable status is, of the DSL's type communication."""
    status = response.status
    detail = f"{_name(request)} answered {status}: {excerpt(response.body) or 'without content'}"
    if status in _NOT_DONE or (status in _PERHAPS_DONE and request.repeatable):
        wait = retry_after.parse(response.headers.get("Retry-After"), now)
        return RetryableError(detail, retry_after=wait, status=status, title=f"HTTP {status}")
    kind = ErrorType.COMMUNICATION
    return ToolError(detail, type=kind, status=status, title=f"HTTP {status}")


def unanswered(request: Request, error: Exception, limits: ExchangeLimits) -> ToolError:
    """Return the error that a call without a (whole) response is."""
    if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
        detail = f"{_name(request)}: no URI that can be called"
        return ToolError(detail, type=ErrorType.VALIDATION)
    if isinstance(error, TimeoutError):
        detail = f"{_name(request)} did not answer in time; see {limits.timeout_variable}"
        return _lost(request, detail, 504)
    detail = f"{_name(request)} did not answer: {error or type(error).__name__}"
    if isinstance(error, aiohttp.ClientSSLError):
        return ToolError(detail, type=ErrorType.COMMUNICATION)
    if isinstance(error, aiohttp.ClientConnectorError):
        return RetryableError(detail)  # nothing was sent
    return _lost(request, detail, None)


def too_large(request: Request, limits: ExchangeLimits) -> ToolError:
    """Return the error that a response beyond the limit is."""
    most = f"{limits.max_bytes} bytes; see {limits.max_bytes_variable}"
    detail = f"{_name(request)} answered more than {most}"
    return ToolError(detail, type=ErrorType.COMMUNICATION, title="Response too large")


def _lost(request: Request, detail: str, status: int | None) -> ToolError:
    if request.repeatable:
        return RetryableError(detail, status=status)
    advice = f"{detail}; it may have been done, and without an Idempotency-Key it is not repeated"
    return ToolError(advice, type=ErrorType.COMMUNICATION, status=status)


def _name(request: Request) -> str:
    return f"{request.method} {request.url.origin()}{request.url.path}"
