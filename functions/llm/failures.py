"""The ways asking one provider fails without ending the task: another may answer."""

from __future__ import annotations

from typing import Final, Literal

from events.errors import ErrorType, ToolError

Outcome = Literal["busy", "unavailable", "unusable"]

_TERMINAL: Final = {
    400: ErrorType.VALIDATION,
    401: ErrorType.AUTHENTICATION,
    403: ErrorType.AUTHORIZATION,
    404: ErrorType.CONFIGURATION,
    413: ErrorType.VALIDATION,
    422: ErrorType.VALIDATION,
}
_PASSING: Final = {408, 409, 425}
_TOO_MANY: Final = 429
_SERVER_ERROR: Final = 500


class Failure(Exception):  # noqa: N818 - the base of the three below
    """One provider gave no usable answer."""

    outcome: Outcome
    wait: float | None = None


class Busy(Failure):
    """The provider asks to come back later, after `wait` seconds where it said so."""

    outcome = "busy"

    def __init__(self, detail: str, wait: float | None) -> None:
        super().__init__(detail)
        self.wait = wait


class Unavailable(Failure):
    """The provider did not answer, or not as a provider does."""

    outcome = "unavailable"


class Unusable(Failure):
    """The model answered, and not what was asked for."""

    outcome = "unusable"


def from_status(provider: str, status: int, message: str, wait: float | None) -> Exception:
    """Return the error that an answer other than 200 is: a Failure, or a terminal ToolError."""
    detail = f"{provider} answered {status}: {message}"
    if status == _TOO_MANY:
        return Busy(detail, wait)
    if status >= _SERVER_ERROR or status in _PASSING:
        failure = Unavailable(detail)
        failure.wait = wait
        return failure
    kind = _TERMINAL.get(status, ErrorType.COMMUNICATION)
    return ToolError(detail, type=kind, status=status, title="The provider refused")
