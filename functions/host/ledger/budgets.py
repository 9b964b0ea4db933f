"""Whether a budget has room for a call: from what is known of it alone, so pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from functions.host.ledger.rows.budget import Budget, Reserved, Spend

if TYPE_CHECKING:
    from collections.abc import Sequence


def read(row: Sequence[Any]) -> Budget:
    """Build a budget from its columns: the fields of Budget, those of `used` and `held` in line."""
    run, outer, tokens, cost, calls, until, *counted = row
    used, held = Spend(*counted[:3]), Spend(*counted[3:])
    return Budget(run, outer, tokens, cost, calls, until, used, held)


def room(budgets: Sequence[Budget], asked: Spend, now: float) -> Reserved:
    """Return what comes of asking for a call: every one of the budgets must have room for it."""
    for budget in budgets:
        if refusal := _refusal(budget, asked, now):
            return Reserved(f"the budget of run {budget.run} has no room: {refusal}")
    return Reserved(until=min((b.until for b in budgets if b.until is not None), default=None))


def _refusal(budget: Budget, asked: Spend, now: float) -> str:
    if budget.until is not None and now >= budget.until:
        return "its time is over"
    for name in ("calls", "tokens", "cost"):
        limit = getattr(budget, name)
        used, held, more = (getattr(each, name) for each in (budget.used, budget.held, asked))
        if limit is not None and used + held + more > limit:
            # to a millionth: sums of prices are not exact
            used, held, more = (round(each, 6) for each in (used, held, more))
            others = f", {held} set aside for calls being made" if held else ""
            return f"{used} of {limit} {name} used{others}, and this call may take {more}"
    return ""
