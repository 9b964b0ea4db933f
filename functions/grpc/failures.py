"""Which error of the DSL a gRPC status is; pure.

Source: the gRPC status codes, and their HTTP equivalents in google.rpc.Code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from events.errors import ErrorType, RetryableError, ToolError

if TYPE_CHECKING:
    from functions.host.web.limits import ExchangeLimits

_STATUS: Final = {
    "CANCELLED": 499,
    "INVALID_ARGUMENT": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "PERMISSION_DENIED": 403,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 400,
    "ABORTED": 409,
    "OUT_OF_RANGE": 400,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "UNAUTHENTICATED": 401,
}
_RETRYABLE: Final = {"UNAVAILABLE", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED"}
"""The server did not do it, or did it under the idempotency key that the call carries."""
_TOO_LARGE: Final = "larger than max"
_MOST: Final = 500


def refused(name: str, code: str, details: str, limits: ExchangeLimits) -> ToolError:
    """Return the error that a status other than OK is; `name` says which call."""
    said = f"{name} answered {code}: {details[:_MOST] or 'without a word'}"
    if code == "RESOURCE_EXHAUSTED" and _TOO_LARGE in details:
        return too_large(name, limits)
    status = _STATUS.get(code, 500)
    if code in _RETRYABLE:
        hint = f"; see {limits.timeout_variable}" if code == "DEADLINE_EXCEEDED" else ""
        return RetryableError(said + hint, status=status, title=f"gRPC {code}")
    kind = ErrorType.COMMUNICATION
    return ToolError(said, type=kind, status=status, title=f"gRPC {code}")


def too_large(name: str, limits: ExchangeLimits) -> ToolError:
    """Return the error that an answer beyond the limit is."""
    detail = f"{name} answered more than {limits.max_bytes} bytes; see {limits.max_bytes_variable}"
    return ToolError(detail, type=ErrorType.COMMUNICATION, title="Response too large")
