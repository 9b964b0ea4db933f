"""What calls use and what runs may use: between a flow's budget, the operator's and the ledger."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from events.flow.budget import BudgetLimits, limits_of
from functions.host.ledger.rows.budget import Budget, Charge, Spend

if TYPE_CHECKING:
    from events.flow.syntax import Flow
    from functions.host.ledger.rows.run import RunRow
    from functions.host.outcomes import Outcome
    from functions.host.settings import Settings


@dataclass(slots=True)
class Meter:
    """Counts what one call uses, as its handler comes to know it."""

    tokens: int = 0
    cost: float = 0.0

    def add(self, *, tokens: int = 0, cost: float = 0.0) -> None:
        """Count what was used, whether the call comes to an end or not."""
        self.tokens += tokens
        self.cost += cost

    def noted_in(self, outcome: Outcome) -> Outcome:
        """Return an outcome that says what was used, where its result does not say all of it."""
        usage = dict(outcome.usage or ({"total_tokens": self.tokens} if self.tokens else {}))
        if self.cost:
            usage["cost"] = self.cost
        return replace(outcome, usage=usage) if usage else outcome

    @property
    def spent(self) -> Spend:
        """What the call used, itself included."""
        return Spend(1, self.tokens, self.cost)


def most(settings: Settings) -> BudgetLimits:
    """Return what the operator lets any run use; 0 is no limit."""
    return BudgetLimits(
        settings.budget_tokens or None,
        settings.budget_cost or None,
        settings.budget_calls or None,
        settings.budget_time or None,
    )


def budgeted(run: RunRow, flow: Flow, limits: BudgetLimits) -> tuple[RunRow, Budget | None]:
    """Return a run that is to begin, and its own budget, if it gets one.

    `run.budget` is that of the run which starts it: what that one may use holds for both. The
    operator's limits hold for a run and all that it starts, so they are given to the first.
    """
    given = limits_of(flow)
    if run.parent is None:
        given = given.within(limits)
    if not given:
        return run, None
    until = None if given.seconds is None else run.started_at + given.seconds
    own = Budget(run.id, run.budget, given.tokens, given.cost, given.calls, until)
    return replace(run, budget=run.id), own


def charge_of(run: RunRow, outcome: Outcome, *, again: bool = False) -> Charge | None:
    """Return what an outcome charges; None for a run without a budget, or where no call was made.

    What is to be tried `again` is one call in the end, however often it is tried.
    """
    if run.budget is None or outcome.spent is None:
        return None
    return Charge(run.budget, replace(outcome.spent, calls=0) if again else outcome.spent)
