"""What a run may use at the most: `document.metadata.tendril.budget`.

    metadata: {tendril: {budget: {tokens: 20000, cost: 0.50, calls: 100, time: PT10M}}}

`tokens` are those of language models, `cost` is in the currency that the operator's prices are in,
`calls` are tasks that tools did, `time` is counted from the start of the run. Each may be left out.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import Field, ValidationError

from events.errors import Problem, ToolError
from events.flow.advance import durations
from events.flow.expressions import is_expression
from events.flow.syntax.duration import Duration  # noqa: TC001 - pydantic reads the annotation
from events.flow.syntax.node import UNKNOWN, Maybe, Node

if TYPE_CHECKING:
    from collections.abc import Iterator

    from events.flow.syntax import Flow
    from events.flow.syntax.duration import DurationParts

EXHAUSTED: Final = "https://tendril.dev/errors/budget"
"""The type of the error that a task meets where the budget has no room for it."""
PATH: Final = ("document", "metadata", "tendril", "budget")
_PAYMENT_REQUIRED: Final = 402
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""What months and years are counted from, so that a budget is the same for every run."""

Whole = Annotated[int, Field(strict=True, ge=1)]


class _Written(Node):
    """A budget as it is written."""

    tokens: Maybe[Whole] = None
    cost: Maybe[Annotated[float, Field(gt=0, allow_inf_nan=False)]] = None
    calls: Maybe[Whole] = None
    time: Maybe[Duration] = None


@dataclass(frozen=True, slots=True)
class BudgetLimits:
    """The most that a run may use; None is no limit."""

    tokens: int | None = None
    cost: float | None = None
    calls: int | None = None
    seconds: float | None = None

    def __bool__(self) -> bool:
        """Tell whether there is any limit."""
        return any(getattr(self, each.name) is not None for each in fields(self))

    def within(self, most: BudgetLimits) -> BudgetLimits:
        """Return the lesser limit of each kind."""
        return BudgetLimits(*(_least(self, most, each.name) for each in fields(self)))


NONE: Final = BudgetLimits()
"""No limit of any kind."""


def limits_of(flow: Flow) -> BudgetLimits:
    """Return the limits of a checked flow."""
    given = _given(flow)
    if given is None:
        return NONE
    written = _Written.model_validate(given)
    seconds = None if written.time is None else _seconds(written.time)
    return BudgetLimits(written.tokens, written.cost, written.calls, seconds)


def mistakes(flow: Flow) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Yield what is wrong with a flow's budget: where below it, and what."""
    given = _given(flow)
    if given is None:
        return
    try:
        written = _Written.model_validate(given)
    except ValidationError as error:
        for item in error.errors(include_url=False):
            inside = tuple(each for each in item["loc"] if not str(each).startswith("<"))
            known = ", ".join(_Written.properties())
            unknown = item["type"] == UNKNOWN
            yield inside, f"unknown property; expected one of {known}" if unknown else item["msg"]
        return
    if isinstance(written.time, str) and is_expression(written.time):
        yield ("time",), "expected a duration; a budget stands before a run has data"
    elif written.time is not None:
        try:
            _seconds(written.time)
        except ToolError as error:
            yield ("time",), str(error.problem.detail)


def exhausted(reason: str) -> Problem:
    """Return the error of a task that the budget has no room for."""
    return Problem(EXHAUSTED, _PAYMENT_REQUIRED, "Budget exhausted", reason)


def _given(flow: Flow) -> Any:
    own = (flow.document.metadata or {}).get("tendril")
    return own.get("budget") if isinstance(own, dict) else None


def _least(left: BudgetLimits, right: BudgetLimits, name: str) -> Any:
    known = [each for each in (getattr(left, name), getattr(right, name)) if each is not None]
    return min(known, default=None)


def _seconds(time: str | DurationParts) -> float:
    """Return a length of time that is no expression; raises ToolError for one without end."""
    return durations.span(time, lambda text: text, _EPOCH).total_seconds()
