"""The tasks that move the data and the flow, driven from start to end with real jq."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from events.errors import ErrorType

if TYPE_CHECKING:
    from collections.abc import Callable

    from events.flow.syntax import Flow


def appends(colour: str, **more: Any) -> dict[str, Any]:
    """Return a set task that appends a colour."""
    return {"set": {"colours": f'${{ .colours + ["{colour}"] }}'}, **more}


class TestSet:
    """`set` makes the data."""

    def test_expressions_are_resolved_at_any_depth(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """Literals stay, expressions become their values, in maps and lists alike."""
        task = {"shape": "circle", "n": 1, "at": [{"x": "${ .x }"}, ["${.x + 1}"]], "no": None}
        output = interpreter.run(flow_of({"a": {"set": task}}), {"x": 1})
        assert output == {"shape": "circle", "n": 1, "at": [{"x": 1}, [2]], "no": None}

    def test_a_whole_expression_may_give_anything(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """`set: ${ ... }` makes its value the data."""
        assert interpreter.run(flow_of({"a": {"set": "${ .x }"}}), {"x": [1]}) == [1]

    def test_text_around_an_expression_is_text(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """In strict mode only a string that is exactly one expression is one."""
        output = interpreter.run(flow_of({"a": {"set": {"x": "v: ${ .x }", "y": ".x"}}}), {"x": 1})
        assert output == {"x": "v: ${ .x }", "y": ".x"}

    def test_loose_mode_tries_every_string(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """In loose mode what evaluates is evaluated, and the rest is text."""
        task = {"x": ".x", "y": "${ .x }", "z": "hello there", "e": ""}
        flow = flow_of({"a": {"set": task}}, evaluate={"mode": "loose"})
        assert interpreter.run(flow, {"x": 1}) == {"x": 1, "y": 1, "z": "hello there", "e": ""}


class TestOrder:
    """`do`, `then` and `if`."""

    def test_tasks_follow_each_other(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """Each task gets the output of the one before; a composite task is no exception."""
        inner = {"do": [{"red": appends("red")}, {"green": appends("green")}]}
        flow = flow_of({"both": inner}, {"blue": appends("blue")})
        assert interpreter.run(flow) is not None
        assert interpreter.order() == ["both", "red", "green", "blue"]

    def test_then_names_the_next(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """A named directive goes there; `end` stops."""
        flow = flow_of(
            {"red": appends("red", then="green")},
            {"blue": appends("blue", then="end")},
            {"green": appends("green", then="blue")},
        )
        assert interpreter.run(flow, {}) == {"colours": ["red", "green", "blue"]}

    def test_exit_ends_the_list_and_end_the_flow(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """`exit` goes on after the composite task, `end` nowhere, past every transformation."""
        inner = {
            "do": [{"red": appends("red", then="exit")}, {"green": appends("green")}],
            "output": {"as": "{colours: (.colours + [1])}"},
        }
        flow = flow_of({"both": inner}, {"blue": appends("blue")})
        assert interpreter.run(flow, {}) == {"colours": ["red", 1, "blue"]}
        inner["do"][0]["red"]["then"] = "end"  # type: ignore[index]
        flow = flow_of({"both": inner}, {"blue": appends("blue")}, output={"as": "[.]"})
        assert interpreter.run(flow, {}) == [{"colours": ["red"]}]

    def test_a_skipped_task_hands_on_its_raw_input(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """Neither its transformations nor its `then` count when `if` is false."""
        skipped = appends("red") | {
            "if": ".no",
            "then": "end",
            "input": {"from": "{}"},
            "output": {"as": "7"},
            "export": {"as": "8"},
        }
        output = {"as": "[., $context]"}
        flow = flow_of({"red": skipped}, {"blue": appends("blue")}, output=output)
        assert interpreter.run(flow, {"no": False}) == [{"colours": ["blue"]}, {"no": False}]
        kinds = [each.kind for each in interpreter.records]
        assert kinds == ["task.skipped", "task.started", "task.completed"]

    @pytest.mark.parametrize(
        ("condition", "done"),
        [("true", True), ("false", False), ("null", False), ("empty", False), ("0", True)],
    )
    def test_truth_is_jqs(
        self, interpreter: Any, flow_of: Callable[..., Flow], condition: str, done: bool
    ) -> None:
        """A condition without output is false, like null and false; all else is true."""
        flow = flow_of({"a": {"if": condition, "set": {"done": True}}})
        assert interpreter.run(flow, {"done": False}) == {"done": done}

    def test_an_empty_list_gives_back_what_it_got(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """A flow or a task without tasks changes nothing."""
        assert interpreter.run(flow_of({"a": {"do": []}}), [1]) == [1]
        assert interpreter.run(flow_of(), [2]) == [2]

    def test_a_wrong_target_faults(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """A directive to a task of another depth is a configuration error."""
        flow = flow_of({"a": {"do": [{"b": appends("b", then="c")}]}}, {"c": appends("c")})
        problem = interpreter.problem(flow, {})
        assert problem.type == ErrorType.CONFIGURATION
        assert problem.detail == "'then: c' names no task of this list; it has b"

    def test_names_with_slashes_are_escaped(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """A reference is a JSON pointer whatever the names; `catch` and `do` are fine names."""
        inner: dict[str, Any] = {"do": [{"a/b~c": {"set": "${ $task.reference }"}}]}
        flow = flow_of({"catch": {"do": [{"do": inner}]}})
        assert interpreter.run(flow) == "/do/0/catch/do/0/do/do/0/a~1b~0c"


class TestSwitch:
    """`switch` chooses where to go on."""

    CASES = (
        {"red": {"when": '.colour == "red"', "then": "red"}},
        {"green": {"when": '.colour == "green"', "then": "green"}},
    )

    @pytest.mark.parametrize(
        ("default", "colour", "order"),
        [
            (None, "red", ["choose", "red"]),
            (None, "green", ["choose", "green"]),
            (None, "grey", ["choose"]),
            ("red", "grey", ["choose", "red"]),
            ("red", "green", ["choose", "green"]),
        ],
    )
    def test_the_first_case_that_holds(
        self,
        interpreter: Any,
        flow_of: Callable[..., Flow],
        default: str | None,
        colour: str,
        order: list[str],
    ) -> None:
        """A case without condition is the default wherever it stands; else `then` of the task."""
        cases = [*([{"other": {"then": default}}] if default else []), *self.CASES]
        flow = flow_of(
            {"choose": {"switch": cases, "then": "end"}},
            {"red": appends("red", then="end")},
            {"green": appends("green")},
        )
        interpreter.run(flow, {"colour": colour})
        assert interpreter.order() == order


class TestFor:
    """`for` goes through a list."""

    def test_data_flows_through_the_iterations(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """Each iteration gets the output of the one before; item and index are variables."""
        mark = {"set": "${ . + {seen: (.seen + [[$index, $item]])} }"}
        flow = flow_of({"loop": {"for": {"in": ".items"}, "do": [{"mark": mark}]}})
        assert interpreter.run(flow, {"items": ["a", "b"]}) == {
            "items": ["a", "b"],
            "seen": [[0, "a"], [1, "b"]],
        }
        instances = [each.instance for each in interpreter.records if each.kind == "task.started"]
        assert instances == ["/do/0/loop#1", "/do/0/loop/do/0/mark#1", "/do/0/loop/do/0/mark#2"]

    def test_while_stops_the_loop(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """`while` is asked before each iteration, on the data it would get."""
        add = {"set": "${ . + [$c] }"}
        each = {"in": "[1, 2, 3]", "each": "c"}
        flow = flow_of({"l": {"for": each, "while": "length < 2", "do": [{"add": add}]}})
        assert interpreter.run(flow, []) == [1, 2]
        flow = flow_of({"l": {"for": each, "while": "$c < 1", "do": [{"add": add}]}})
        assert interpreter.run(flow, []) == []

    def test_exit_ends_the_iteration(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """`exit` in a loop leaves the list, that is this iteration."""
        do = [
            {"odd": {"if": "$item == 1", "set": "${ . + [0] }", "then": "exit"}},
            {"add": {"set": "${ . + [$item] }"}},
        ]
        flow = flow_of({"l": {"for": {"in": "[1, 2]"}, "do": do}})
        assert interpreter.run(flow, []) == [0, 2]

    def test_loops_nest(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """The inner loop sees the outer's variables, and calls may be awaited in between."""
        call = {"call": "echo", "with": {"v": "${ [$a, $b] }"}, "output": {"as": "$input + [.]"}}
        inner = {"for": {"in": "[1, 2]", "each": "b"}, "do": [{"call": call}]}
        flow = flow_of({"l": {"for": {"in": "[8, 9]", "each": "a"}, "do": [{"in": inner}]}})
        output = interpreter.run(flow, [], lambda request: request.input["v"])
        assert output == [[8, 1], [8, 2], [9, 1], [9, 2]]
        assert len({each.instance for each in interpreter.requests}) == 4

    @pytest.mark.parametrize("items", ["{}", "null", '"abc"', "3"])
    def test_only_a_list_can_be_gone_through(
        self, interpreter: Any, flow_of: Callable[..., Flow], items: str
    ) -> None:
        """Anything but a list is an expression error that says what it was."""
        flow = flow_of({"l": {"for": {"in": items}, "do": [{"a": appends("a")}]}})
        problem = interpreter.problem(flow)
        assert (problem.type, problem.instance) == (ErrorType.EXPRESSION, "/do/0/l")
        assert "must give a list" in str(problem.detail)
