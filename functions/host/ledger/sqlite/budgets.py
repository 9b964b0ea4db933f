"""Budgets in SQLite; each function is part of one transaction's work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from functions.host.ledger.budgets import read, room

if TYPE_CHECKING:
    import sqlite3

    from functions.host.ledger.rows.budget import Budget, Charge, Reserved, Spend
    from functions.host.ledger.rows.task import Work
    from functions.host.ledger.rows.transition import Transition

_CHAIN: Final = (
    "WITH RECURSIVE chain (id) AS (SELECT ?1 UNION ALL SELECT b.outer_run FROM budgets b "
    "JOIN chain c ON b.run = c.id WHERE b.outer_run IS NOT NULL)"
)
"""A budget and those above it, which are drawn on too."""
_STANDS: Final = (
    "EXISTS (SELECT 1 FROM tasks t WHERE t.run = v.run AND t.instance = v.instance "
    "AND t.token = v.token AND t.state = 'claimed')"
)
"""Whether what was set aside still is: the claim it was set aside for must stand."""
_BUDGETS: Final = (
    "SELECT b.run, b.outer_run, b.tokens, b.cost, b.calls, b.until, "  # noqa: S608 - constants
    "b.used_calls, b.used_tokens, b.used_cost, coalesce(sum(v.calls), 0), "
    "coalesce(sum(v.tokens), 0), coalesce(sum(v.cost), 0.0) FROM budgets b "
    f"LEFT JOIN reservations v ON v.budget = b.run AND {_STANDS}"
)


def account(db: sqlite3.Connection, step: Transition) -> None:
    """Write what a transition means to budgets: to those of most runs, nothing."""
    if step.budget:
        _begin(db, step.budget)
    if step.charge:
        charge(db, step.run, step.closes, step.charge)


def _begin(db: sqlite3.Connection, budget: Budget) -> None:
    db.execute(
        "INSERT INTO budgets VALUES (?, ?, ?, ?, ?, ?, 0, 0, 0.0)",
        (budget.run, budget.outer, budget.tokens, budget.cost, budget.calls, budget.until),
    )


def by_run(db: sqlite3.Connection, run_id: str) -> Budget | None:
    """Return the budget that began with a run."""
    row = db.execute(f"{_BUDGETS} WHERE b.run = ? GROUP BY b.run", (run_id,)).fetchone()
    return read(row) if row else None


def reserve(db: sqlite3.Connection, work: Work, asked: Spend, now: float) -> Reserved:
    """Set aside what a claimed task may use, where every budget above it has room."""
    task, first = work.task, work.run.budget
    db.execute(
        f"{_CHAIN} DELETE FROM reservations AS v WHERE budget IN (SELECT id FROM chain) "  # noqa: S608
        f"AND ((run = ?2 AND instance = ?3) OR NOT {_STANDS})",
        (first, task.run, task.instance),
    )
    rows = db.execute(
        f"{_CHAIN} {_BUDGETS} WHERE b.run IN (SELECT id FROM chain) GROUP BY b.run",  # noqa: S608
        (first,),
    ).fetchall()
    budgets = [read(row) for row in rows]
    reserved = room(budgets, asked, now)
    if not reserved.refusal:
        spend = task.run, task.instance, task.token, asked.calls, asked.tokens, asked.cost
        db.executemany(
            "INSERT INTO reservations VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(each.run, *spend) for each in budgets],
        )
    return reserved


def charge(db: sqlite3.Connection, run_id: str, instance: str | None, charged: Charge) -> None:
    """Count what a task used, and give back what was set aside for it."""
    spend = charged.spend
    db.execute(
        f"{_CHAIN} UPDATE budgets SET used_calls = used_calls + ?2, "  # noqa: S608 - constant
        "used_tokens = used_tokens + ?3, used_cost = used_cost + ?4 "
        "WHERE run IN (SELECT id FROM chain)",
        (charged.budget, spend.calls, spend.tokens, spend.cost),
    )
    db.execute(
        f"{_CHAIN} DELETE FROM reservations WHERE budget IN (SELECT id FROM chain) "  # noqa: S608
        "AND run = ?2 AND instance = ?3",
        (charged.budget, run_id, instance),
    )
