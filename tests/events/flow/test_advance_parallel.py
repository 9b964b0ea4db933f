"""A parallel for: iterations at the same time, each in a scope of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.errors import ErrorType, Problem
from events.flow.advance import Bounds, StaleSignal
from events.flow.rehearsal.stage import Answer
from events.flow.signals import Turn
from events.flow.steps import Dormant, ScopeCompleted
from tests.events.flow.conftest import NEVER, Distrustful

if TYPE_CHECKING:
    from collections.abc import Callable

    from events.flow.effects import TaskRequest
    from events.flow.syntax import Flow

BROKEN = Problem(ErrorType.COMMUNICATION, 502, "Broken")


def loop(many: int, *do: dict[str, Any], items: str = "${ .items }", **more: Any) -> dict[str, Any]:
    """Return a `for` that runs so many iterations at a time."""
    own = {"concurrency": many, **({"onError": more.pop("on_error")} if "on_error" in more else {})}
    tasks = [{f"s{index}": task} for index, task in enumerate(do)]
    return {"for": {"in": items}, "metadata": {"tendril": own}, "do": tasks, **more}


def call(n: Any = "${ $item }", **more: Any) -> dict[str, Any]:
    """Return a call that asks about `n`."""
    return {"call": "llm", "with": {"n": n}, **more}


def double(request: TaskRequest) -> Any:
    """Answer with twice what was asked."""
    return request.input["n"] * 2


class TestWindow:
    """At most so many iterations run at a time; they begin in order, one as another ends."""

    def test_it_moves_on_with_each_end(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """Two are asked first; whichever ends, the next is asked; the output is in order."""
        flow = flow_of({"l": loop(2, call())})
        assert interpreter.run(flow, {"items": [1, 2, 3, 4, 5]}, double) == [2, 4, 6, 8, 10]
        assert [request.input["n"] for request in interpreter.requests] == [1, 2, 3, 4, 5]
        first = interpreter.steps[0]
        assert [isinstance(each.status, Dormant) for each in first.branches] == [
            False, False, True, True, True,
        ]  # fmt: skip
        turns = [step for step in interpreter.steps[1:] if step.requests]
        assert [len(step.requests) for step in turns] == [1, 1, 1]

    def test_as_many_as_there_are(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """With room for all of them it is a fork, and none waits for its turn."""
        flow = flow_of({"l": loop(9, call())})
        assert interpreter.run(flow, {"items": [1, 2, 3]}, double) == [2, 4, 6]
        assert len(interpreter.steps) == 5
        assert not any(branch.branch.turns for branch in interpreter.steps[0].branches)

    def test_what_waits_for_nothing_makes_room(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """Iterations that are done at once cost no step; the window is for those that wait."""
        flow = flow_of({"l": loop(1, call(**{"if": "${ $item > 2 }"}))})
        output = interpreter.run(flow, {"items": [1, 2, 3, 1, 4]}, double)
        assert [each if isinstance(each, int) else "skipped" for each in output] == [
            "skipped", "skipped", 6, "skipped", 8,
        ]  # fmt: skip
        assert len(interpreter.steps[0].branches) == 5
        assert sum(isinstance(b.status, Dormant) for b in interpreter.steps[0].branches) == 2

    def test_only_so_much_at_once(self, flow_of: Callable[..., Flow]) -> None:
        """A step that would be too long leaves the rest to others, whose turn it is at once."""
        stage = Distrustful(
            flow_of({"l": loop(3, {"set": {"n": "${ $item }"}})}),
            lambda _, data, names: data["items"] if "item" not in names else names["item"],
            lambda _: pytest.fail("nothing is asked for"),
            {"items": list(range(1005))},
        )
        assert stage.play() == ScopeCompleted([{"n": n} for n in range(1005)])
        assert [due.index for due in stage.steps[0].forks[0].due] == [1000, 1001, 1002]
        assert len(stage.steps) == 7  # five turns, and the join

    def test_nothing_to_do(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """No items, no output; no tasks, the input for each."""
        assert interpreter.run(flow_of({"l": loop(2, call())}), {"items": []}) == []
        assert interpreter.run(flow_of({"l": loop(2)}), {"items": [1]}) == [{"items": [1]}]

    def test_too_many_items(self, make_interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """More items than one transaction should make scopes of are refused with what to do."""
        few = make_interpreter(lambda _, data, __: data["items"], Bounds(iterations=3))
        problem = few.problem(flow_of({"l": loop(2, call())}), {"items": [1, 2, 3, 4]})
        assert "gives 4 items" in problem.detail
        assert "at most 3" in problem.detail


class TestWhatIterationsSee:
    """Each is alone with the input of the `for`, its item and what surrounds the loop."""

    def test_input_item_and_surroundings(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """Not what the one before gave or exported; variables of outer loops are there."""
        body = [
            {"set": {"n": "${ .n }", "c": "${ $context.n }"}, "export": {"as": "{n: 99}"}},
            call("${ [.n, .c, $context.n, $item, $index, $outer] }"),
        ]
        inner = loop(1, *body, items="${ [10, 20] }", input={"from": "{n: (.n + 1)}"})
        outer = {"for": {"each": "outer", "in": "${ [7] }", "at": "o"}, "do": [{"l": inner}]}
        after = {"set": {"all": "${ . }", "context": "${ $context.n }"}}
        flow = flow_of({"o": outer}, {"a": after})
        assert interpreter.run(flow, {"n": 1}, lambda request: request.input["n"]) == {
            "all": [[2, 1, 99, 10, 0, 7], [2, 1, 99, 20, 1, 7]],
            "context": 1,
        }

    def test_nested(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """Loops in loops in forks keep their order."""
        inner = {**loop(2, call("${ $o * 10 + $item }"), items="${ [1, 2, 3] }")}
        outer = loop(2, {"fork": {"branches": [{"b": inner}, {"c": call("${ $o }")}]}})
        outer["for"] |= {"each": "o", "in": "${ [1, 2, 3] }"}
        output = interpreter.run(flow_of({"l": outer}), {}, double)
        assert output == [[[o * 20 + 2 * i for i in (1, 2, 3)], o * 2] for o in (1, 2, 3)]
        assert len({request.instance for request in interpreter.requests}) == 12

    def test_a_state_has_its_item_alone(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """No state grows with the number of items: what the iterations share is kept once."""
        flow = flow_of({"l": loop(2, call(), call())})
        interpreter.run(flow, {"items": ["x" * 50] * 200}, lambda _: {"n": 1})
        inner = [branch.state for step in interpreter.steps for branch in step.branches]
        inner += [step.state for step in interpreter.steps if step.branch]
        assert len(inner) > 600
        assert max(len(orjson.dumps(state)) for state in inner) < 1500


class TestErrors:
    """`fail` ends the loop with the first error; `collect` puts it in the item's place."""

    def test_fail(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """What runs is closed, what is dormant never begins, and a try catches the error."""

        def answer(request: TaskRequest) -> Any:
            return BROKEN if request.input["n"] == 2 else NEVER

        caught = {"do": [{"s": {"set": {"at": "${ $error.instance }"}}}]}
        flow = flow_of({"t": {"try": [{"l": loop(2, call())}], "catch": caught}})
        output = interpreter.run(flow, {"items": [1, 2, 3]}, answer)
        assert output == {"at": "/do/0/t/try/0/l/do/0/s0"}
        assert len(interpreter.requests) == 2

    def test_fail_at_once(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """An error before anything is asked for: nothing is."""
        raised = {"raise": {"error": {"type": "https://x.test/no", "status": 400}}}
        flow = flow_of({"l": loop(2, {**raised, "if": "${ $item == 2 }"}, call())})
        assert interpreter.problem(flow, {"items": [1, 2, 3]}).status == 400
        assert not interpreter.requests

    def test_collect(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """Each error stands where its output would, as the problem that it is."""

        def answer(request: TaskRequest) -> Any:
            return BROKEN if request.input["n"] % 2 else double(request)

        flow = flow_of({"l": loop(1, call(), on_error="collect")})
        one, two, three = interpreter.run(flow, {"items": [1, 2, 3]}, answer)
        assert two == 4
        assert (one["error"]["status"], one["error"]["title"]) == (502, "Broken")
        assert three["error"]["instance"] == "/do/0/l/do/0/s0"

    def test_a_timeout(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """A loop beyond its time ends with all its iterations."""
        flow = flow_of({"l": loop(2, call(), timeout={"after": "PT2S"})})
        assert interpreter.problem(flow, {"items": [1, 2, 3]}, lambda _: NEVER).status == 408

    def test_an_endless_one(self, make_interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """Collected too, with nothing of it left open."""
        endless: list[dict[str, Any]] = [
            {"set": {"n": 1}, "timeout": {"after": "PT1H"}},
            {"set": {"n": 1}, "then": "s0"},
        ]
        one = make_interpreter(lambda _, data, __: data["items"], Bounds(pure=50))
        [output] = one.run(
            flow_of({"l": loop(1, *endless, on_error="collect")}), {"items": [1]}, double
        )
        assert output["error"]["title"] == "Endless loop"

    def test_a_turn_comes_once(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """An iteration that has begun does not begin again."""
        flow = flow_of({"l": loop(1, call())})
        interpreter.run(flow, {"items": [1, 2]}, double)
        begun = next(step for step in interpreter.steps[1:] if step.branch and step.requests)
        stage = Distrustful(flow, interpreter.evaluate, lambda _: Answer())
        stage.shared = {fork.instance: fork.around for fork in interpreter.steps[0].forks}
        with pytest.raises(StaleSignal):
            stage.step(begun.state, Turn("x"))


@given(lots=st.lists(st.floats(0, 1), min_size=12, max_size=12), many=st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_any_interleaving_gives_the_same(
    make_interpreter: Callable[..., Any], flow_of: Callable[..., Flow], lots: list[float], many: int
) -> None:
    """Whichever answer is taken first, the output is the sequential mapping of the items."""
    body = [call(), {"fork": {"branches": [{"a": call(1)}, {"b": call(2)}]}}, call()]
    flow = flow_of({"l": loop(many, *body)})

    def luck(instance: str) -> float:
        return lots[hash(instance) % len(lots)]

    def evaluate(program: str, data: Any, names: Any) -> Any:
        return names["item"] if "$item" in program else data["items"]

    interpreter = make_interpreter(evaluate, luck=luck)
    status = interpreter.status(flow, {"items": [3, 1, 2, 5, 4]}, double)
    assert status == ScopeCompleted([6, 2, 4, 10, 8])
    assert len(interpreter.requests) == 20
