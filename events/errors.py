"""The standard error types of the Serverless Workflow DSL, as RFC 7807 problems.

Nothing here knows HTTP: `functions.host.faults` maps these to responses, in one place.
Source: serverlessworkflow/specification, `dsl-reference.md`, "Standard Error Types".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final, Self

_BASE: Final = "https://serverlessworkflow.io/spec/1.0.0/errors/"


class ErrorType(StrEnum):
    """The error types that the DSL defines; flows may raise others by their own URIs."""

    CONFIGURATION = _BASE + "configuration"
    VALIDATION = _BASE + "validation"
    EXPRESSION = _BASE + "expression"
    AUTHENTICATION = _BASE + "authentication"
    AUTHORIZATION = _BASE + "authorization"
    TIMEOUT = _BASE + "timeout"
    COMMUNICATION = _BASE + "communication"
    RUNTIME = _BASE + "runtime"


DEFAULT_STATUS: Final[dict[str, int]] = {
    ErrorType.CONFIGURATION: 400,
    ErrorType.VALIDATION: 400,
    ErrorType.EXPRESSION: 400,
    ErrorType.AUTHENTICATION: 401,
    ErrorType.AUTHORIZATION: 403,
    ErrorType.TIMEOUT: 408,
    ErrorType.COMMUNICATION: 500,
    ErrorType.RUNTIME: 500,
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One error as data: what `catch` filters on and what a faulted run carries."""

    type: str
    status: int
    title: str
    detail: str | None = None
    instance: str | None = None

    def at(self, instance: str) -> Self:
        """Return the same problem, located at a task reference unless it has one already."""
        return self if self.instance else replace(self, instance=instance)

    def to_json(self) -> dict[str, Any]:
        """Return the RFC 7807 members that are set."""
        members = {
            "type": self.type,
            "status": self.status,
            "title": self.title,
            "detail": self.detail,
            "instance": self.instance,
        }
        return {name: value for name, value in members.items() if value is not None}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read what `to_json` wrote; absent members get the type's defaults."""
        kind = str(value.get("type") or ErrorType.RUNTIME)
        return cls(
            type=kind,
            status=int(value.get("status") or DEFAULT_STATUS.get(kind, 500)),
            title=str(value.get("title") or kind.rsplit("/", 1)[-1].capitalize()),
            detail=value.get("detail"),
            instance=value.get("instance"),
        )


class TendrilError(Exception):
    """Base of every error Tendril raises on purpose; `problem` is its public face."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail or problem.title)
        self.problem = problem


class ToolError(TendrilError):
    """A terminal error of a handler: trying the same input again would fail the same way."""

    def __init__(
        self,
        detail: str,
        *,
        type: str = ErrorType.RUNTIME,  # noqa: A002 - RFC 7807's own name
        status: int | None = None,
        title: str | None = None,
    ) -> None:
        super().__init__(
            Problem(
                type=type,
                status=status or DEFAULT_STATUS.get(type, 500),
                title=title or type.rsplit("/", 1)[-1].capitalize(),
                detail=detail,
            )
        )


class RetryableError(ToolError):
    """A handler's error that another attempt may not meet: the ledger schedules one.

    `retry_after` is in seconds and comes from the provider (a Retry-After header, a quota
    reset); without it the platform's retry policy decides.
    """

    def __init__(
        self,
        detail: str,
        *,
        retry_after: float | None = None,
        type: str = ErrorType.COMMUNICATION,  # noqa: A002 - RFC 7807's own name
        status: int | None = None,
        title: str | None = None,
    ) -> None:
        super().__init__(detail, type=type, status=status, title=title)
        self.retry_after = retry_after
