"""Outcomes and the platform's retry policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, RootModel

from events.errors import ErrorType, Problem, RetryableError, ToolError
from events.flow.signals import TaskCompleted, TaskFaulted
from functions.host.outcomes import Outcome, RetryPolicy, from_error
from functions.host.tool import Tool
from tests.support.surroundings import surroundings

if TYPE_CHECKING:
    from pathlib import Path

    from functions.host.context import Context

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(JSON)
def test_outcomes_survive_the_ledger(output: object) -> None:
    """A recorded outcome reads back as the same signal."""
    kept = orjson.loads(orjson.dumps(Outcome(output=output, work_ms=1.5).to_json()))
    assert Outcome.from_json(kept).signal("/do/0/a#1") == TaskCompleted("/do/0/a#1", output)


def test_faults_survive_the_ledger() -> None:
    """A recorded fault reads back with its problem."""
    problem = Problem(ErrorType.TIMEOUT, 408, "Timeout", "took too long")
    kept = orjson.loads(orjson.dumps(Outcome(problem=problem).to_json()))
    assert Outcome.from_json(kept).signal("/do/0/a#1") == TaskFaulted("/do/0/a#1", problem)


def test_what_an_attempt_took_survives_the_ledger() -> None:
    """Work, cold start and usage read back; what is unknown is not written."""
    whole = Outcome(output=1, work_ms=2.0, cold_ms=3.0, usage={"total_tokens": 35})
    kept = orjson.loads(orjson.dumps(whole.to_json()))
    assert Outcome.from_json(kept) == whole
    assert whole.figures == {"workMs": 2.0, "coldMs": 3.0, "usage": {"total_tokens": 35}}
    assert Outcome(output=1).figures == {"workMs": 0.0}


def test_only_retryable_errors_are_retried() -> None:
    """RetryableError asks for another attempt, ToolError and defects do not."""
    asked = from_error(RetryableError("busy", retry_after=7))
    assert (asked.retry, asked.retry_after) == (True, 7)
    assert not from_error(ToolError("wrong")).retry
    defect = from_error(KeyError("x"))
    assert not defect.retry
    assert defect.problem
    assert defect.problem.detail
    assert "KeyError" in defect.problem.detail


@given(st.integers(1, 40), st.floats(0, 0.999))
def test_back_off_stays_within_its_bounds(attempt: int, luck: float) -> None:
    """Waits grow from half the first delay to the longest one, and end with the attempts."""
    policy = RetryPolicy(attempts=10, delay=1.0, longest=60.0)
    wait = policy.wait(attempt, None, luck)
    if attempt >= 10:
        assert wait is None
    else:
        assert wait is not None
        assert 0.5 <= wait <= 60.0
        assert wait <= 2 ** (attempt - 1)


@given(st.integers(1, 4), st.floats(0, 10_000))
def test_retry_after_wins_over_the_back_off(attempt: int, asked: float) -> None:
    """A provider's wish is honoured as it is."""
    assert RetryPolicy(5, 1.0, 60.0).wait(attempt, asked, 0.5) == asked


@pytest.mark.parametrize("value", [None, [1], "text", 5, {"usage": "much"}, {"usage": {"n": "1"}}])
async def test_a_result_need_not_be_an_object(value: Any, tmp_path: Path) -> None:
    """What a tool gives may be any JSON value; only an object's numbers tell of its use."""

    class Given(BaseModel):
        pass

    class Gives(RootModel[Any]):
        pass

    async def handle(_: Given, __: Context) -> Gives:
        return Gives(value)

    made = Tool("any", "1.0.0", 5.0, "Give anything.", handle, Given, Gives)
    async with surroundings(tmp_path) as context:
        outcome = await made.call({}, context)
    assert (outcome.problem, outcome.output, outcome.usage) == (None, value, None)
