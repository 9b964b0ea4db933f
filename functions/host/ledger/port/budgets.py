"""What the ledger knows of budgets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from functions.host.ledger.rows.budget import Budget, Reserved, Spend
    from functions.host.ledger.rows.task import Work


class Budgets(Protocol):
    """What runs may use, and what is set aside for the calls that are being made."""

    async def reserve(self, work: Work, asked: Spend, now: float) -> Reserved:
        """Set aside what a claimed task may use of its run's budget, and of those above.

        It is set aside while the claim stands: whatever ends the claim gives it back, and what
        writes the outcome charges what was used.
        """

    async def budget(self, run_id: str) -> Budget | None:
        """Return the budget that began with a run."""
