"""What a run may use, and what a call of it did: from the flow, the operator and the tool."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from pydantic import BaseModel

from events.flow.budget import BudgetLimits
from events.flow.parse import parse
from functions.host.ledger.rows.budget import Spend
from functions.host.ledger.rows.run import RunRow, RunStatus
from functions.host.metering import Meter, budgeted, charge_of
from functions.host.outcomes import Outcome
from functions.host.tool import tool
from tests.support.surroundings import surroundings

if TYPE_CHECKING:
    from pathlib import Path

    from events.flow.syntax import Flow
    from functions.host.context import Context

RUN = RunRow(
    "r1", "d", "n", "f", "1.0.0", 1, RunStatus.RUNNING, "{}", None, None, 100.0, None, "0" * 32
)
CHILD = replace(RUN, id="r2", parent="r1", budget="r1")


class Text(BaseModel):
    """A text."""

    text: str


async def echo(request: Text, _: Context) -> Text:
    """Say it again."""
    return request


async def reserve(request: Text, _: Context) -> Spend:
    """Tell what saying it takes."""
    return Spend(1, len(request.text))


def flow(budget: str) -> Flow:
    head = "document: {dsl: 1.0.3, namespace: t, name: t, version: 1.0.0, metadata: "
    return parse(f"{head}{{tendril: {{budget: {budget}}}}}}}\ndo: [{{a: {{set: {{x: 1}}}}}}]").flow


def test_a_run_has_a_budget_where_the_flow_or_the_operator_sets_one() -> None:
    """The lesser limits hold, time counts from the start; without any there is no budget."""
    assert budgeted(RUN, flow("{}"), BudgetLimits()) == (RUN, None)
    run, own = budgeted(RUN, flow("{tokens: 9, time: PT5S}"), BudgetLimits(tokens=5, calls=3))
    assert run.budget == "r1"
    assert own
    assert (own.outer, own.tokens, own.calls, own.until) == (None, 5, 3, 105.0)


def test_a_child_draws_on_its_parents_budget() -> None:
    """With a budget of its own it draws on both; the operator's is the parent's already."""
    assert budgeted(CHILD, flow("{}"), BudgetLimits(tokens=5)) == (CHILD, None)
    run, own = budgeted(CHILD, flow("{calls: 1}"), BudgetLimits(tokens=5))
    assert run.budget == "r2"
    assert own
    assert (own.outer, own.calls, own.tokens) == ("r1", 1, None)


def test_a_retry_is_the_same_call() -> None:
    """An attempt that is to be made once more charges what it used and no call."""
    outcome = Outcome(spent=Spend(1, 7, 0.5))
    assert charge_of(RUN, outcome) is None
    charges = [charge_of(CHILD, outcome, again=again) for again in (False, True)]
    assert [each and each.spend for each in charges] == [Spend(1, 7, 0.5), Spend(0, 7, 0.5)]
    assert charge_of(CHILD, Outcome()) is None


def test_what_was_used_is_told() -> None:
    """A result's own usage stands; what it does not say, the meter does."""
    meter = Meter()
    assert meter.noted_in(Outcome()) == Outcome()
    meter.add(tokens=3, cost=0.25)
    meter.add(tokens=4)
    assert meter.spent == Spend(1, 7, 0.25)
    assert meter.noted_in(Outcome()).usage == {"total_tokens": 7, "cost": 0.25}
    assert meter.noted_in(Outcome(usage={"words": 2})).usage == {"words": 2, "cost": 0.25}


@pytest.mark.parametrize(("data", "expected"), [({"text": "four"}, Spend(1, 4)), ({}, Spend(1))])
async def test_a_tool_says_what_a_call_may_use(
    tmp_path: Path, data: dict[str, str], expected: Spend
) -> None:
    """Input that the tool cannot take sets nothing but the call aside, which will say so."""
    async with surroundings(tmp_path) as context:
        plain = tool(echo, name="echo", version="1.0.0", timeout=1.0)
        assert await plain.estimate(data, context) == Spend(1)
        metered = tool(echo, name="echo", version="1.0.0", timeout=1.0, reserve=reserve)
        assert await metered.estimate(data, context) == expected
