"""Forks: branches at the same time, each in a scope of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.errors import ErrorType, Problem
from events.flow.steps import ScopeCompleted
from tests.events.flow.conftest import NEVER

if TYPE_CHECKING:
    from collections.abc import Callable

    from events.flow.effects import TaskRequest
    from events.flow.syntax import Flow

BROKEN = Problem(ErrorType.COMMUNICATION, 502, "Broken")


def fork(*branches: dict[str, Any], compete: bool = False, **more: Any) -> dict[str, Any]:
    """Return a fork task over these branches, named b0, b1, ..."""
    named = [{f"b{index}": branch} for index, branch in enumerate(branches)]
    return {"fork": {"branches": named, "compete": compete}, **more}


def call(n: Any, **more: Any) -> dict[str, Any]:
    """Return a call whose answer is `n`."""
    return {"call": "llm", "with": {"n": n}, **more}


def nap(seconds: float, output: Any) -> dict[str, Any]:
    """Return a branch that waits, then gives `output`."""
    return {"do": [{"w": {"wait": f"PT{seconds}S"}}, {"s": {"set": {"n": output}}}]}


def echo(request: TaskRequest) -> Any:
    """Answer what was asked."""
    return request.input["n"]


class TestAll:
    """Without `compete` the output is all branches' outputs, in their order."""

    def test_calls_go_out_at_once(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """Every branch is asked in the first step, and the next task gets all answers."""
        flow = flow_of({"f": fork(call(1), call(2), call(3))}, {"s": {"set": {"sum": "${ add }"}}})
        assert interpreter.run(flow, {}, echo) == {"sum": 6}
        first, *rest = interpreter.steps
        assert [branch.requests[0].input for branch in first.branches] == [
            {"n": 1},
            {"n": 2},
            {"n": 3},
        ]
        assert len(rest) == 4  # three answers, and the join

    def test_the_order_is_the_definitions(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """It does not matter which branch ends first."""
        flow = flow_of({"f": fork(nap(3, "a"), nap(1, "b"), nap(2, "c"))})
        assert [each["n"] for each in interpreter.run(flow, {})] == ["a", "b", "c"]

    def test_pure_branches_cost_no_step(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """A fork whose branches wait for nothing is done in the step that reaches it."""
        flow = flow_of({"f": fork({"set": {"n": 1}}, {"set": {"n": "${ .n }"}})})
        assert interpreter.run(flow, {"n": 2}) == [{"n": 1}, {"n": 2}]
        assert len(interpreter.steps) == 1

    def test_some_branches_wait(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """A branch that is done at once waits for the others."""
        flow = flow_of({"f": fork({"set": {"n": 1}}, call(2))})
        assert interpreter.run(flow, {}, echo) == [{"n": 1}, 2]

    def test_without_branches(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """A fork over nothing gives nothing."""
        assert interpreter.run(flow_of({"f": fork()}), {}) == []

    def test_what_branches_see(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """Data, context and variables as they were; what a branch exports holds within it."""
        inner = fork(
            {"set": {"got": "${ [.n, $context.n, $item, $index] }"}},
            {"do": [
                {"e": {"set": {"n": 9}, "export": {"as": "{n: 99}"}}},
                {"s": {"set": {"got": "${ $context.n }"}}},
            ]},
        )  # fmt: skip
        loop = {"for": {"in": "${ [7] }"}, "do": [{"f": inner}]}
        after = {"set": {"got": "${ . }", "context": "${ $context.n }"}}
        flow = flow_of({"l": loop}, {"a": after})
        assert interpreter.run(flow, {"n": 1}) == {
            "got": [{"got": [1, 1, 7, 0]}, {"got": 99}],
            "context": 1,
        }

    def test_in_loops_and_forks(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """Forks nest and repeat: every instance is its own."""
        inner = fork(call("${ .n }"), call("${ .n + 10 }"), output={"as": "{n: add}"})
        outer = {
            "for": {"in": "${ [1, 2] }"},
            "do": [{"o": fork(inner, inner, output={"as": ".[0]"})}],
        }
        flow = flow_of({"l": outer})
        assert interpreter.run(flow, {"n": 1}, echo) == {"n": 34}
        instances = [request.instance for request in interpreter.requests]
        assert len(instances) == len(set(instances)) == 8


class TestCompete:
    """With `compete` the first branch to complete gives the output, and ends the others."""

    def test_the_first_wins(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """The others' tasks and timers are closed, whatever their depth."""
        deep = fork(nap(5, "x"), call(1))
        flow = flow_of({"f": fork(nap(3, "slow"), nap(1, "fast"), deep, compete=True)})
        output = interpreter.run(flow, {}, lambda _: NEVER)
        assert output == {"n": "fast"}

    def test_one_that_is_done_at_once(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """Nothing is asked for that would not be waited for."""
        flow = flow_of({"f": fork(call(1), {"set": {"n": 2}}, compete=True)})
        assert interpreter.run(flow, {}) == {"n": 2}
        assert not interpreter.requests


class TestFaults:
    """An error that leaves a branch is the fork's, and ends the other branches."""

    @pytest.mark.parametrize("compete", [True, False])
    def test_it_is_caught(
        self, interpreter: Any, flow_of: Callable[..., Flow], compete: bool
    ) -> None:
        """A try round the fork catches it; what the others had out is closed."""
        body = [{"f": fork(nap(9, 1), call(2), compete=compete)}]
        flow = flow_of(
            {"t": {"try": body, "catch": {"do": [{"s": {"set": {"at": "${ $error.instance }"}}}]}}}
        )
        output = interpreter.run(flow, {}, lambda _: BROKEN)
        assert output == {"at": "/do/0/t/try/0/f/fork/branches/1/b1"}

    def test_at_once(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """A branch that fails at once ends the fork before anything is asked for."""
        raised = {"raise": {"error": {"type": "https://x.test/no", "status": 400}}}
        assert interpreter.problem(flow_of({"f": fork(call(1), raised)}), {}).status == 400
        assert not interpreter.requests

    def test_within_a_branch(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """An error that a branch catches is its own business."""
        branch = {"try": [{"c": call(1)}], "catch": {"do": [{"s": {"set": {"n": 0}}}]}}
        flow = flow_of({"f": fork(branch, {"set": {"n": 1}})})
        assert interpreter.run(flow, {}, lambda _: BROKEN) == [{"n": 0}, {"n": 1}]

    def test_a_timeout(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """A fork beyond its time ends with all its branches."""
        flow = flow_of({"f": fork(nap(9, 1), call(2), timeout={"after": "PT2S"})})
        assert interpreter.problem(flow, {}, lambda _: NEVER).status == 408
        assert not interpreter.steps[-1].branches


@given(lots=st.lists(st.floats(0, 1), min_size=12, max_size=12))
@settings(max_examples=60, deadline=None)
def test_any_interleaving_gives_the_same(
    make_interpreter: Callable[..., Any], flow_of: Callable[..., Flow], lots: list[float]
) -> None:
    """Whichever of the answers that are ready is taken first, the output is the same."""
    branch = {"do": [{"a": call(1)}, {"f": fork(call(2), call(3))}, {"b": call(4)}]}
    flow = flow_of({"f": fork(branch, branch, branch)}, {"last": call(5)})

    def luck(instance: str) -> float:
        return lots[hash(instance) % len(lots)]

    interpreter = make_interpreter(lambda *arguments: arguments[1], luck=luck)
    assert interpreter.status(flow, {}, lambda request: request.instance) == ScopeCompleted(
        "/do/1/last#1"
    )
    assert len(interpreter.requests) == 13
