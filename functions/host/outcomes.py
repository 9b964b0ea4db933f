"""What became of one attempt at a task: a result, a fault, or 'try again'; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from events.errors import ErrorType, Problem, RetryableError, TendrilError
from events.flow.signals import EventHeard, TaskCompleted, TaskFaulted
from functions.host.ledger.hearing import listen_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from events.flow.signals import Signal
    from functions.host.ledger.rows.budget import Spend


@dataclass(frozen=True, slots=True)
class Outcome:
    """One attempt's end. Exactly one of `problem`, `event` and `output` speaks."""

    output: Any = None
    problem: Problem | None = None
    retry: bool = False
    retry_after: float | None = None
    """Seconds a provider asked us to wait."""
    work_ms: float = 0.0
    cold_ms: float | None = None
    """How long the attempt had to wait for the tool's process to start, where it had to."""
    usage: Mapping[str, float] | None = None
    """What the tool says it used: tokens, money, by their names."""
    spent: Spend | None = None
    """What the call used of the run's budget; None where none was made, or told already."""
    blame: tuple[str, str] | None = None
    """The run and the instance of the task that the problem is about, where that is not the one
    whose outcome this is: what redrive has to do once more."""
    event: dict[str, Any] | None = None
    """What a listen is told of, as flows see events."""

    def to_json(self) -> dict[str, Any]:
        """Return the form the ledger records."""
        problem = self.problem.to_json() if self.problem else None
        told = {"output": self.output, "problem": problem, **self.figures}
        about = {"blame": list(self.blame)} if self.blame else {}
        return told | about | ({} if self.event is None else {"event": self.event})

    @property
    def figures(self) -> dict[str, Any]:
        """Return what the attempt took, as history has it."""
        figures = {"workMs": self.work_ms, "coldMs": self.cold_ms, "usage": self.usage}
        return {name: value for name, value in figures.items() if value is not None}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Outcome:
        """Read a recorded outcome."""
        problem = Problem.from_json(value["problem"]) if value["problem"] else None
        blame = value.get("blame")
        return cls(
            output=value["output"],
            problem=problem,
            work_ms=value["workMs"],
            cold_ms=value.get("coldMs"),
            usage=value.get("usage"),
            blame=(blame[0], blame[1]) if blame else None,
            event=value.get("event"),
        )

    def signal(self, instance: str) -> Signal:
        """Return what `advance` is told."""
        if self.event is not None:
            return EventHeard(listen_of(instance), self.event)
        if self.problem:
            return TaskFaulted(instance, self.problem)
        return TaskCompleted(instance, self.output)


def from_error(error: Exception) -> Outcome:
    """Return the outcome of a handler that raised."""
    if isinstance(error, RetryableError):
        return Outcome(problem=error.problem, retry=True, retry_after=error.retry_after)
    if isinstance(error, TendrilError):
        return Outcome(problem=error.problem)
    detail = f"{type(error).__name__}: {error}; the service's log has the traceback"
    return Outcome(problem=Problem(ErrorType.RUNTIME, 500, "The tool failed", detail))


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The platform's retry policy: exponential, bounded, full jitter on the upper half."""

    attempts: int
    delay: float
    longest: float

    def wait(self, attempt: int, asked: float | None, luck: float) -> float | None:
        """Return seconds until the next attempt, None when `attempt` was the last.

        `asked` is the provider's Retry-After, which wins over the back-off; `luck` is in [0, 1).
        """
        if attempt >= self.attempts:
            return None
        if asked is not None:
            return max(0.0, asked)
        backoff = min(self.longest, self.delay * 2 ** min(attempt - 1, 30))
        return float(backoff * (0.5 + luck / 2))
