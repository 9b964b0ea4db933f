"""Budgets as flows write them: what is taken, what is refused and where."""

from __future__ import annotations

from typing import Any

import pytest

from events.flow.budget import BudgetLimits, limits_of
from events.flow.catalog import Catalog
from events.flow.check import check
from events.flow.parse import parse

FLOW = """document: {{dsl: 1.0.3, namespace: t, name: t, version: 1.0.0, metadata: {{tendril:
  {{budget: {budget}}}}}}}
do: [{{a: {{set: {{x: 1}}}}}}]
"""


def found(budget: str) -> list[str]:
    parsed = parse(FLOW.format(budget=budget), "flow.yaml")
    return [str(each) for each in check(parsed, Catalog(()), lambda _: None)]


@pytest.mark.parametrize(
    ("budget", "limits"),
    [
        ("{}", BudgetLimits()),
        ("{tokens: 5, cost: 0.5, calls: 3, time: PT2M}", BudgetLimits(5, 0.5, 3, 120.0)),
        ("{cost: 2, time: {minutes: 1, seconds: 30}}", BudgetLimits(None, 2.0, None, 90.0)),
        ("{time: P1M}", BudgetLimits(None, None, None, 31 * 86_400.0)),
    ],
)
def test_a_budget_is_read(budget: str, limits: BudgetLimits) -> None:
    """Every limit may be left out; a time is ISO 8601 or an object."""
    assert found(budget) == []
    assert limits_of(parse(FLOW.format(budget=budget)).flow) == limits
    assert bool(limits) == (budget != "{}")


@pytest.mark.parametrize(
    ("budget", "finding"),
    [
        ("{tokenz: 5}", "2:13: 'document.metadata.tendril.budget.tokenz': unknown property"),
        ("{tokens: 0}", "2:13: 'document.metadata.tendril.budget.tokens': Input should be"),
        ("{tokens: 1.5}", "2:13: 'document.metadata.tendril.budget.tokens': Input should be"),
        ("{cost: -1}", "2:13: 'document.metadata.tendril.budget.cost': Input should be"),
        ("{time: soon}", "2:13: 'document.metadata.tendril.budget.time': 'soon' is malformed"),
        ("{time: '${ .x }'}", "2:13: 'document.metadata.tendril.budget.time': expected a dur"),
        ("{time: P200Y}", "2:13: 'document.metadata.tendril.budget.time': P200Y is longer"),
        ("{time: {days: 999999999999}}", "2:13: 'document.metadata.tendril.budget.time'"),
        ("5", "2:4: 'document.metadata.tendril.budget': "),
    ],
)
def test_what_is_no_budget_is_told(budget: str, finding: str) -> None:
    """A mistake is a finding at its place, before any run."""
    [told] = found(budget)
    assert told.startswith(f"flow.yaml:{finding}"), told


def test_the_lesser_limit_holds() -> None:
    """An operator's limits and a flow's are taken together, the lesser of each kind."""
    most: Any = BudgetLimits(10, None, 5, None)
    assert BudgetLimits(20, 1.0, None, None).within(most) == BudgetLimits(10, 1.0, 5, None)
    assert BudgetLimits().within(most) == most
