"""Budgets in PostgreSQL; each function is part of one transaction's work.

Whoever reserves or charges locks the budgets first, the innermost before those above it, and takes
no other lock after: the writers of one budget queue up, and nobody waits in a circle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from functions.host.ledger.budgets import read, room

if TYPE_CHECKING:
    from functions.host.ledger.postgres.connections import Database
    from functions.host.ledger.rows.budget import Budget, Charge, Reserved, Spend
    from functions.host.ledger.rows.task import Work
    from functions.host.ledger.rows.transition import Transition

_STANDS: Final = (
    "EXISTS (SELECT 1 FROM tasks t WHERE t.run = v.run AND t.instance = v.instance "
    "AND t.token = v.token AND t.state = 'claimed')"
)
"""Whether what was set aside still is: the claim it was set aside for must stand."""
_BUDGETS: Final = (
    "SELECT b.run, b.outer_run, b.tokens, b.cost, b.calls, b.until, "  # noqa: S608 - constants
    "b.used_calls, b.used_tokens, b.used_cost, coalesce(sum(v.calls), 0)::bigint, "
    "coalesce(sum(v.tokens), 0)::bigint, coalesce(sum(v.cost), 0.0) FROM budgets b "
    f"LEFT JOIN reservations v ON v.budget = b.run AND {_STANDS}"
)


async def account(db: Database, step: Transition) -> None:
    """Write what a transition means to budgets: to those of most runs, nothing."""
    if step.budget:
        await _begin(db, step.budget)
    if step.charge:
        await charge(db, step.run, step.closes, step.charge)


async def _begin(db: Database, budget: Budget) -> None:
    await db.execute(
        "INSERT INTO budgets (run, outer_run, tokens, cost, calls, until) "
        "VALUES (%s, %s, %s, %s, %s, %s)",
        (budget.run, budget.outer, budget.tokens, budget.cost, budget.calls, budget.until),
    )


async def by_run(db: Database, run_id: str) -> Budget | None:
    """Return the budget that began with a run."""
    found = await db.execute(f"{_BUDGETS} WHERE b.run = %s GROUP BY b.run", (run_id,))
    row = await found.fetchone()
    return read(row) if row else None


async def reserve(db: Database, work: Work, asked: Spend, now: float) -> Reserved:
    """Set aside what a claimed task may use, where every budget above it has room."""
    task = work.task
    chain = await _held(db, work.run.budget)
    await db.execute(
        "DELETE FROM reservations v WHERE budget = ANY(%s) "  # noqa: S608 - constant
        f"AND ((run = %s AND instance = %s) OR NOT {_STANDS})",
        (chain, task.run, task.instance),
    )
    found = await db.execute(f"{_BUDGETS} WHERE b.run = ANY(%s) GROUP BY b.run", (chain,))
    reserved = room([read(row) for row in await found.fetchall()], asked, now)
    if not reserved.refusal:
        await db.execute(
            "INSERT INTO reservations (budget, run, instance, token, calls, tokens, cost) "
            "SELECT unnest(%s::text[]), %s, %s, %s, %s, %s, %s",
            (chain, task.run, task.instance, task.token, asked.calls, asked.tokens, asked.cost),
        )
    return reserved


async def charge(db: Database, run_id: str, instance: str | None, charged: Charge) -> None:
    """Count what a task used, and give back what was set aside for it."""
    spend = charged.spend
    chain = await _held(db, charged.budget)
    await db.execute(
        "UPDATE budgets SET used_calls = used_calls + %s, used_tokens = used_tokens + %s, "
        "used_cost = used_cost + %s WHERE run = ANY(%s)",
        (spend.calls, spend.tokens, spend.cost, chain),
    )
    await db.execute(
        "DELETE FROM reservations WHERE budget = ANY(%s) AND run = %s AND instance = %s",
        (chain, run_id, instance),
    )


async def _held(db: Database, first: str | None) -> list[str]:
    """Lock a budget and those above it, which are drawn on too; return their runs."""
    chain: list[str] = []
    while first is not None:
        found = await db.execute(
            "SELECT outer_run FROM budgets WHERE run = %s FOR UPDATE", (first,)
        )
        row = await found.fetchone()
        if row is None:
            break
        chain.append(first)
        first = row[0]
    return chain
