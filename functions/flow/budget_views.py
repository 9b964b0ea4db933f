"""What the API shows of budgets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

from functions.flow.moments import moment

if TYPE_CHECKING:
    from functions.host.ledger.rows.budget import Budget, Spend


class SpendView(BaseModel):
    """What was used, or is set aside."""

    calls: int
    tokens: int
    cost: float


class BudgetView(BaseModel):
    """What a run, and those it started, may use; null is no limit."""

    run: str = Field(description="the run that the budget began with")
    calls: int | None
    tokens: int | None
    cost: float | None
    until: str | None
    used: SpendView
    setAside: SpendView = Field(description="for the calls that are being made")  # noqa: N815


def budget_view(row: Budget) -> BudgetView:
    """Show a budget, what is used of it and what is set aside."""
    return BudgetView(
        run=row.run,
        calls=row.calls,
        tokens=row.tokens,
        cost=row.cost,
        until=moment(row.until),
        used=_spend_view(row.used),
        setAside=_spend_view(row.held),
    )


def _spend_view(spend: Spend) -> SpendView:
    # to a millionth: sums of prices are not exact
    return SpendView(calls=spend.calls, tokens=spend.tokens, cost=round(spend.cost, 6))
