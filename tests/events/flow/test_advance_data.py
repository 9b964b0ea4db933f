"""The way of the data: order of the stages, and which arguments each of them has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from events.errors import ErrorType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from events.flow.syntax import Flow

INTEGER = {"schema": {"document": {"type": "integer"}}}
STRING = {"schema": {"document": {"type": "string"}}}
MOMENT = {
    "iso8601": "2026-03-01T12:00:00.250000Z",
    "epoch": {"seconds": 1772366400, "milliseconds": 1772366400250},
}


def test_the_order_of_all_stages(make_interpreter: Any, flow_of: Callable[..., Flow]) -> None:
    """Every expression is evaluated exactly in the specification's order, on the right data."""
    seen: list[tuple[str, Any]] = []

    def evaluate(program: str, data: Any, _: Mapping[str, Any]) -> Any:
        seen.append((program, data))
        return True if program == "if" else f"{program} result"

    task = {
        "set": {"a": "${ set }"},
        "export": {"as": "export"},
        "output": {"as": "output"},
        "input": {"from": "input"},
        "if": "if",
    }
    top = {"input": {"from": "flow-input"}, "output": {"as": "flow-output"}}
    interpreter = make_interpreter(evaluate)
    assert interpreter.run(flow_of({"t": task}, **top), "raw") == "flow-output result"
    assert seen[: len(seen) // 2] == [  # the interpreter computes every step twice
        ("flow-input", "raw"),
        ("if", "flow-input result"),
        ("input", "flow-input result"),
        ("set", "input result"),
        ("output", {"a": "set result"}),
        ("export", "output result"),
        ("flow-output", "output result"),
    ]


ALL = ["context", "input", "output", "task", "workflow", "runtime", "item", "secrets"]
TASK = ["context", "task", "workflow", "runtime"]


@pytest.mark.parametrize(
    ("stage", "bound"),
    [
        ("flow-input", ["workflow", "runtime"]),
        ("if", [*TASK, "item"]),
        ("input", [*TASK, "item"]),
        ("set", [*TASK, "input", "item"]),
        ("output", [*TASK, "input", "item"]),
        ("export", [*TASK, "input", "output", "item"]),
        ("flow-output", ["context", "workflow", "runtime"]),
    ],
)
def test_each_stage_has_its_arguments(
    make_interpreter: Any, flow_of: Callable[..., Flow], stage: str, bound: list[str]
) -> None:
    """The arguments are those of the specification's table, and the loop's variables."""
    seen = {}

    def evaluate(program: str, _: Any, arguments: Mapping[str, Any]) -> Any:
        seen[program] = {name for name in ALL if name in arguments}
        return [1] if program == "items" else True

    task = {
        "set": {"a": "${ set }"},
        "export": {"as": "export"},
        "output": {"as": "output"},
        "input": {"from": "input"},
        "if": "if",
    }
    top = {"input": {"from": "flow-input"}, "output": {"as": "flow-output"}}
    loop = {"l": {"for": {"in": "items"}, "do": [{"t": task}]}}
    make_interpreter(evaluate).run(flow_of(loop, **top), "raw")
    assert seen[stage] == set(bound)


def test_what_the_arguments_are(interpreter: Any, flow_of: Callable[..., Flow]) -> None:
    """The descriptors carry definition, reference, raw input and output, and the start."""
    task = {
        "set": {"seen": "${ $task }", "input": "${ $input }"},
        "input": {"from": ".x"},
        "output": {"as": "{seen: .seen, input: .input, raw: $task.output.input}"},
    }
    flow = flow_of(
        {"t": task}, output={"as": "{task: ., workflow: $workflow, runtime: $runtime, now: now}"}
    )
    output = interpreter.run(flow, {"x": {"y": 1}})
    assert output["task"] == {
        "seen": {
            "name": "t",
            "reference": "/do/0/t",
            "definition": task,
            "input": {"x": {"y": 1}},
            "startedAt": MOMENT,
        },
        "input": {"y": 1},
        "raw": {"y": 1},
    }
    assert output["workflow"] == {
        "id": "run-1",
        "definition": flow.definition(),
        "input": {"x": {"y": 1}},
        "startedAt": MOMENT,
    }
    assert output["runtime"] == {"name": "tendril", "version": "1", "metadata": {}}
    assert output["now"] == MOMENT["epoch"]["milliseconds"] / 1000  # type: ignore[index]


def test_context_begins_as_the_input_and_is_replaced(
    interpreter: Any, flow_of: Callable[..., Flow]
) -> None:
    """The first context is the transformed input; `export.as` replaces it, also from inside."""
    export = {"as": "$context + {b: .}"}
    inner = {"do": [{"b": {"set": "${ 2 }", "export": export}}]}
    flow = flow_of(
        {"a": {"set": "${ $context }"}},
        {"d": inner},
        input={"from": "{a: .x}"},
        output={"as": "$context"},
    )
    assert interpreter.run(flow, {"x": 1}) == {"a": 1, "b": 2}


@pytest.mark.parametrize("data", [None, 1, "x", [{"type": "event"}]])
def test_context_is_always_a_map_at_first(
    interpreter: Any, flow_of: Callable[..., Flow], data: Any
) -> None:
    """An input that is no object, such as the events that start a run, is not the context."""
    assert interpreter.run(flow_of({"a": {"set": "${ $context + {x: 1} }"}}), data) == {"x": 1}


def test_transformations_may_be_objects(interpreter: Any, flow_of: Callable[..., Flow]) -> None:
    """`from` and `as` take an object with expressions in it, or an expression in `${ }`."""
    task = {
        "set": {"got": "${ . }"},
        "input": {"from": {"n": "${ .x }", "literal": ".x"}},
        "output": {"as": {"out": "${ .got }"}},
        "export": {"as": {"kept": ["${ $output.out.n }"]}},
    }
    flow = flow_of({"t": task}, output={"as": "${ [., $context] }"})
    assert interpreter.run(flow, {"x": 1}) == [
        {"out": {"n": 1, "literal": ".x"}},
        {"kept": [1]},
    ]


@pytest.mark.parametrize(
    ("task", "instance", "what"),
    [
        ({"input": {**STRING, "from": '"text"'}}, "/do/0/t", "input"),
        ({"output": {**STRING, "as": "1"}}, "/do/0/t", "output"),
        ({"export": {**STRING, "as": "1"}}, "/do/0/t", "exported context"),
        ({"export": STRING}, "/do/0/t", "exported context"),
    ],
)
def test_schemas_are_checked_where_the_specification_says(
    interpreter: Any, flow_of: Callable[..., Flow], task: Any, instance: str, what: str
) -> None:
    """Raw input, transformed output and exported context are validated; a catch sees the error."""
    flow = flow_of({"t": {"set": {"a": 1}, **task}})
    problem = interpreter.problem(flow, {"x": 1})
    assert (problem.type, problem.status) == (ErrorType.VALIDATION, 400)
    assert problem.instance == instance
    assert str(problem.detail).startswith(f"the {what} does not fit its schema")
    caught = {"try": [{"t": {"set": {"a": 1}, **task}}], "catch": {}}
    assert interpreter.run(flow_of({"c": caught}), 1) == 1


def test_the_flows_own_schemas(interpreter: Any, flow_of: Callable[..., Flow]) -> None:
    """The run's raw input and transformed output are validated, nothing runs on a wrong input."""
    flow = flow_of({"t": {"set": {"a": 1}}}, input={**INTEGER, "from": '"text"'})
    assert interpreter.run(flow, 1) == {"a": 1}
    assert interpreter.problem(flow, "1").instance == "/input"
    before = len(interpreter.records)
    interpreter.problem(flow, "1")
    assert len(interpreter.records) == before
    flow = flow_of({"t": {"set": {"a": 1}}}, output={**INTEGER, "as": ".a"})
    assert interpreter.run(flow) == 1
    flow = flow_of({"t": {"set": {"a": 1}}}, output=INTEGER)
    assert interpreter.problem(flow).instance == "/output"


@pytest.mark.parametrize("top", [{"input": {"from": "error"}}, {"output": {"as": "empty"}}])
def test_the_flows_own_expressions_may_fail(
    interpreter: Any, flow_of: Callable[..., Flow], top: Any
) -> None:
    """An expression of the flow itself that fails faults the run, located there."""
    problem = interpreter.problem(flow_of({"t": {"set": {"a": 1}}}, **top))
    assert problem.type == ErrorType.EXPRESSION
    assert problem.instance == f"/{next(iter(top))}"


def test_a_schema_elsewhere_is_not_fetched(interpreter: Any, flow_of: Callable[..., Flow]) -> None:
    """A schema resource is a configuration error, never a request."""
    schema = {"schema": {"resource": {"endpoint": "https://x.test/schema.json"}}}
    problem = interpreter.problem(flow_of({"t": {"set": {"a": 1}, "input": schema}}))
    assert problem.type == ErrorType.CONFIGURATION


def test_variables_do_not_hide_the_dsls_arguments(
    interpreter: Any, flow_of: Callable[..., Flow]
) -> None:
    """A loop's variable called like an argument of the DSL does not take its place."""
    each = {"in": "[7]", "each": "task", "at": "input"}
    flow = flow_of({"l": {"for": each, "do": [{"t": {"set": "${ [$task.name, $input] }"}}]}})
    assert interpreter.run(flow, "x") == ["t", "x"]


def test_variables_end_with_their_loop(interpreter: Any, flow_of: Callable[..., Flow]) -> None:
    """After the last iteration, already in `output.as`, the item is no variable any more."""
    loop = {"for": {"in": "[1]"}, "do": [{"a": {"set": "${ $item }"}}], "output": {"as": "$item"}}
    assert "not defined" in str(interpreter.problem(flow_of({"l": loop})).detail)
