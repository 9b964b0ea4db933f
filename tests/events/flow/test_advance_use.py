"""What a flow defines once and uses by name: its functions, and extensions of its tasks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from events.errors import ErrorType, Problem
from events.flow.imports import imports_of
from events.flow.parse import parse
from events.flow.syntax.imports import Imports

if TYPE_CHECKING:
    from collections.abc import Callable

    from events.flow.effects import TaskRequest
    from events.flow.syntax import Flow

Json = Any
SPEC = os.environ.get("TENDRIL_SPEC")

PET = {
    "input": {
        "schema": {
            "document": {
                "type": "object",
                "properties": {"petId": {"type": "integer"}},
                "required": ["petId"],
            }
        }
    },
    "call": "http",
    "with": {"method": "get", "endpoint": "https://pets.example/pet/{petId}"},
}


def called(request: TaskRequest) -> Json:
    """Answer a request with what was asked."""
    return {"asked": request.input}


def unbound(problem: Problem) -> bool:
    """Tell whether an error says that there is no such variable."""
    return problem.type == ErrorType.EXPRESSION and "$item" in str(problem.detail)


LOOP = {"for": {"each": "item", "in": "${ [1] }"}}


class TestFunctions:
    """`call: name` does the task that `use.functions` has under the name."""

    @pytest.mark.parametrize(
        "body",
        [
            {"set": {"x": "${ $item }"}},
            {"do": [{"s": {"set": {"x": "${ $item }"}}}]},
            {"fork": {"branches": [{"s": {"set": {"x": "${ $item }"}}}]}},
        ],
    )
    def test_the_callers_variables_are_not_its_own(
        self, interpreter: Any, flow_of: Callable[..., Flow], body: Json
    ) -> None:
        """A loop around the call has its variables to itself, before and after the call."""
        call = {"c": {"call": "f", "with": {"n": "${ $item }"}, "output": {"as": "${ $item }"}}}
        own = {"for": {"each": "item", "in": "${ [.n, 2] }"}, "do": [{"s": body}]}
        for inner, fits in ((body, False), (own, True)):
            use = {"functions": {"f": inner}}
            flow = flow_of({"l": {**LOOP, "do": [call]}}, use=use)
            if fits:
                assert interpreter.run(flow, {}) == 1
            else:
                assert unbound(interpreter.problem(flow, {}))

    def test_its_input_is_the_resolved_arguments(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """The caller's data is not there, only `with`."""
        flow = flow_of(
            {"getPet": {"call": "pet", "with": {"petId": "${ .id }"}, "output": {"as": ".asked"}}},
            use={"functions": {"pet": PET}},
        )
        assert interpreter.run(flow, {"id": 69, "petId": 1}, called) == {
            "method": "get",
            "endpoint": {"uri": "https://pets.example/pet/69"},
        }

    def test_references_are_pointers_into_the_definition(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """The function's task is where it is defined; each call is a visit of it."""
        function = {"do": [{"who": {"set": {"at": "${ $task.reference }"}}}]}
        flow = flow_of(
            {"a": {"call": "x/y"}}, {"b": {"call": "x/y"}}, use={"functions": {"x/y": function}}
        )
        assert interpreter.run(flow, {}) == {"at": "/use/functions/x~1y/do/0/who"}
        started = [each.instance for each in interpreter.records if each.kind == "task.started"]
        assert started == [
            "/do/0/a#1",
            "/use/functions/x~1y#1",
            "/use/functions/x~1y/do/0/who#1",
            "/do/1/b#1",
            "/use/functions/x~1y#2",
            "/use/functions/x~1y/do/0/who#2",
        ]

    def test_its_own_schema_and_transformations_hold(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """Arguments that do not fit are an error of the function, located there."""
        flow = flow_of({"getPet": {"call": "pet"}}, use={"functions": {"pet": PET}})
        problem = interpreter.problem(flow, {"petId": 3})
        assert (problem.type, problem.instance) == (ErrorType.VALIDATION, "/use/functions/pet")
        double = {"input": {"from": ".n"}, "set": {"n": "${ . * 2 }"}, "output": {"as": ".n"}}
        flow = flow_of(
            {"twice": {"call": "double", "with": {"n": "${ .n }"}, "output": {"as": "{n: .}"}}},
            use={"functions": {"double": double}},
        )
        assert interpreter.run(flow, {"n": 4}) == {"n": 8}

    def test_an_error_in_it_reaches_the_callers_try(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """`instance` says where in the function it was."""
        fail = {"raise": {"error": {"type": "https://e", "status": 500}}}
        handler = [{"note": {"set": {"at": "${ $error.instance }"}}}]
        flow = flow_of(
            {"t": {"try": [{"c": {"call": "fail"}}], "catch": {"do": handler}}},
            use={"functions": {"fail": {"do": [{"f": fail}]}}},
        )
        assert interpreter.run(flow, {}) == {"at": "/use/functions/fail/do/0/f"}

    def test_a_request_in_it_can_fault_and_time_out(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """The tool's error stands at the function's task; a timeout of the call ends all of it."""
        functions = {"functions": {"pet": PET}}
        flow = flow_of({"g": {"call": "pet", "with": {"petId": 1}}}, use=functions)
        broken = Problem(ErrorType.COMMUNICATION, 502, "Broken")
        problem = interpreter.problem(flow, {}, lambda _: broken)
        assert (problem.status, problem.instance) == (502, "/use/functions/pet")
        late = {"call": "pet", "with": {"petId": 1}, "timeout": {"after": "PT0.5S"}}
        problem = interpreter.problem(flow_of({"g": late}, use=functions), {}, called)
        assert (problem.status, problem.instance) == (408, "/do/0/g")

    def test_end_ends_the_flow_and_exit_the_function(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """All other directives give the output back to the call."""
        after = {"after": {"set": {"x": "after"}}}
        for then, result in (("end", "own"), ("exit", "after"), ("continue", "after")):
            use = {"functions": {"f": {"set": {"x": "own"}, "then": then}}}
            assert interpreter.run(flow_of({"c": {"call": "f"}}, after, use=use), {}) == {
                "x": result
            }
        inner = {"do": [{"a": {"set": {"x": 1}, "then": "exit"}}, {"b": {"set": {"x": 2}}}]}
        assert interpreter.run(flow_of({"c": {"call": "f"}}, use={"functions": {"f": inner}})) == {
            "x": 1
        }

    def test_recursion_works_and_is_bounded(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """A function may call itself while its `if` holds; one without an end is an error."""
        down = {"call": "down", "with": {"n": "${ .n - 1 }"}, "if": ".n > 0"}
        flow = flow_of({"c": {"call": "down", "with": {"n": 9}}}, use={"functions": {"down": down}})
        assert interpreter.run(flow, {}) == {"n": 0}
        for endless in (
            {"call": "again"},
            {"fork": {"branches": [{"again": {"call": "again"}}]}},
        ):
            flow = flow_of({"c": {"call": "again"}}, use={"functions": {"again": endless}})
            problem = interpreter.problem(flow, {})
            assert problem.type == ErrorType.RUNTIME
            assert "more than 32 deep" in problem.detail

    def test_it_runs_in_branches_and_loops(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """Every call is a visit of its own, whichever scope it is in."""
        add = {"do": [{"nap": {"wait": "PT1S"}}, {"sum": {"set": {"n": "${ .a + .b }"}}}]}
        call = {"call": "add", "with": {"a": "${ $item }", "b": 1}}
        fork = {"fork": {"branches": [{"l": call}, {"r": call}]}}
        flow = flow_of(
            {"each": {"for": {"in": "[1, 2]"}, "do": [{"f": fork}]}},
            use={"functions": {"add": add}},
        )
        assert interpreter.run(flow, {}) == [{"n": 3}, {"n": 3}]


LOG = {"call": "log", "with": {"at": "${ $task.reference }", "data": "${ . }"}}


def logged(interpreter: Any) -> list[tuple[str, Json]]:
    """Return what the extension's tasks were asked to log."""
    return [(r.input["at"], r.input["data"]) for r in interpreter.requests if r.function == "log"]


class TestExtensions:
    """`use.extensions` does tasks before and after others, without changing their data."""

    @pytest.mark.parametrize("where", ["before", "after"])
    def test_the_variables_of_a_loop_are_not_its_own(
        self, interpreter: Any, flow_of: Callable[..., Flow], where: str
    ) -> None:
        """What it does is the same around every task; the task itself has its variables."""
        noting = {"extend": "set", where: [{"e": {"call": "f"}}]}
        task = {"s": {"set": {"x": "${ $item }"}, "output": {"as": "${ .x + $item }"}}}
        for value, fits in (("${ $task.name }", True), ("${ $item }", False)):
            functions = {"f": {"do": [{"t": {"set": {"y": value}}}]}}
            use = {"extensions": [{"noting": noting}], "functions": functions}
            flow = flow_of({"l": {**LOOP, "do": [task]}}, use=use)
            if fits:
                assert interpreter.run(flow, {}) == 2
            else:
                assert unbound(interpreter.problem(flow, {}))

    def test_logging_sees_the_extended_task_and_changes_nothing(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """`$task` is the extended one; before gets its input, after its output."""
        log = {"extend": "set", "before": [{"b": LOG}], "after": [{"a": LOG}]}
        flow = flow_of(
            {"one": {"set": {"n": 1}, "output": {"as": ".n"}}},
            {"two": {"set": {"n": "${ . + 1 }"}}},
            use={"extensions": [{"log": log}]},
        )
        assert interpreter.run(flow, "in", called) == {"n": 2}
        assert logged(interpreter) == [
            ("/do/0/one", "in"),
            ("/do/0/one", 1),
            ("/do/1/two", 1),
            ("/do/1/two", {"n": 2}),
        ]
        references = [each.reference for each in interpreter.requests]
        assert references[:2] == [
            "/use/extensions/0/log/before/0/b",
            "/use/extensions/0/log/after/0/a",
        ]

    def test_leaving_the_list_before_bypasses_the_task(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """What was injected is the task's output; `output` and `then` hold as if it had run."""
        response = {"set": {"content": {"foo": "bar"}}, "then": "exit"}
        mock = {
            "extend": "call",
            "when": '$task.call == "http" and ($task.with.endpoint | startswith("https://mock"))',
            "before": [{"mock": response}, {"never": {"set": {"content": None}}}],
        }
        arguments = {"method": "get", "endpoint": "https://mock.example/pet"}
        flow = flow_of(
            {
                "get": {
                    "call": "http",
                    "with": arguments,
                    "output": {"as": ".content.foo"},
                    "then": "last",
                }
            },
            {"skipped": {"set": {"n": "skipped"}}},
            {"last": {"set": {"n": "${ . }"}}},
            use={"extensions": [{"mock": mock}]},
        )
        assert interpreter.run(flow, {}) == {"n": "bar"}
        assert interpreter.requests == []

    def test_leaving_the_list_after_replaces_the_output(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """An extension that means to change the data says so with `exit`."""
        stamp = {"set": {"n": "${ .n }", "by": "${ $task.name }"}, "then": "exit"}
        flow = flow_of(
            {"one": {"set": {"n": 1}}},
            use={"extensions": [{"stamp": {"extend": "all", "after": [{"s": stamp}]}}]},
        )
        assert interpreter.run(flow, {}) == {"n": 1, "by": "one"}

    def test_the_first_extension_is_the_outermost(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """Before in the order of the list, after the other way round."""

        def note(what: str) -> Json:
            return {what: {"call": "note", "with": {"what": what}}}

        extensions = [
            {name: {"extend": "set", "before": [note(f"b{name}")], "after": [note(f"a{name}")]}}
            for name in "xy"
        ]
        flow = flow_of({"one": {"set": {"n": 1}}}, use={"extensions": extensions})
        assert interpreter.run(flow, {}, called) == {"n": 1}
        assert interpreter.order() == ["bx", "by", "one", "ay", "ax"]

    @pytest.mark.parametrize(
        ("extend", "kinds"),
        [
            ("all", ["do", "for", "fork", "set", "set", "set", "switch", "try", "set"]),
            ("composite", ["do", "fork"]),
            ("for", ["for"]),
            ("try", ["try"]),
            ("switch", ["switch"]),
            ("emit", []),
        ],
    )
    def test_extend_names_the_kind(
        self, interpreter: Any, flow_of: Callable[..., Flow], extend: str, kinds: list[str]
    ) -> None:
        """Tasks at any depth are extended, those of the extension itself never."""
        one = {"set": {"n": 1}}
        flow = flow_of(
            {"do": {"do": [{"set": one}]}},
            {"for": {"for": {"in": "[1]"}, "do": [{"set": one}]}},
            {"fork": {"fork": {"branches": [{"set": one}]}}},
            {"switch": {"switch": [{"x": {"then": "try"}}]}},
            {"try": {"try": [{"set": one}], "catch": {}}},
            use={
                "functions": {"nap": {"do": [{"nap": {"wait": "PT1S"}}, {"set": one}]}},
                "extensions": [
                    {
                        "log": {
                            "extend": extend,
                            "before": [
                                {"nap": {"call": "nap"}},
                                {"log": LOG},
                                {"f": {"fork": {"branches": [{"nap": {"call": "nap"}}]}}},
                            ],
                        }
                    }
                ],
            },
        )
        interpreter.run(flow, {}, called)
        found = [reference.rsplit("/", 1)[-1] for reference, _ in logged(interpreter)]
        assert sorted(found) == sorted(kinds)

    def test_a_skipped_task_is_not_extended(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """`if` is asked first, once."""
        flow = flow_of(
            {"one": {"set": {"n": 1}, "if": ".no"}},
            use={"extensions": [{"log": {"extend": "all", "before": [{"b": LOG}]}}]},
        )
        assert interpreter.run(flow, {}) == {}
        assert [each.kind for each in interpreter.records] == ["task.skipped"]

    def test_a_when_that_fails_does_not_hold_and_is_told(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """The specification's own examples fail on an endpoint that is an object."""
        mock = {
            "extend": "all",
            "when": '$task.with.endpoint | startswith("https://mocked")',
            "before": [{"m": {"set": {"mocked": True}, "then": "exit"}}],
        }
        flow = flow_of({"one": {"set": {"n": 1}}}, use={"extensions": [{"mock": mock}]})
        assert interpreter.run(flow, {}) == {"n": 1}
        [unfit] = [each for each in interpreter.records if each.kind == "extension.unfit"]
        assert unfit.detail["extension"] == "mock"
        assert "startswith" in unfit.detail["reason"]

    def test_its_export_is_seen_by_the_task_and_its_error_is_the_tasks(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """The context is the way to hand something on; a `try` around the task catches."""
        keep = {"set": {"key": 7}, "export": {"as": "."}}
        guard = {
            "raise": {"error": {"type": "https://e", "status": 403}},
            "if": '$task.name == "secret"',
        }
        before = [{"keep": keep}, {"guard": guard}]
        attempt = [
            {"open": {"set": {"key": "${ $context.key }"}}},
            {"secret": {"set": {"never": True}}},
        ]
        note = {"set": {"e": "${ $error | [.instance, .status] }"}}
        flow = flow_of(
            {"t": {"try": attempt, "catch": {"do": [{"note": note}]}}},
            use={"extensions": [{"guard": {"extend": "set", "before": before}}]},
        )
        assert interpreter.run(flow, {}) == {"e": ["/use/extensions/0/guard/before/1/guard", 403]}

    def test_a_task_whose_extension_waits_keeps_its_timeout_and_directive(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """The task's time begins with the task; its `end` comes after what is done after it."""
        nap = {"nap": {"wait": "PT9S"}}
        flow = flow_of(
            {"one": {"wait": "PT1S", "timeout": {"after": "PT2S"}, "then": "end"}},
            {"never": {"set": {"n": 1}}},
            use={"extensions": [{"slow": {"extend": "wait", "before": [nap], "after": [nap]}}]},
        )
        assert interpreter.run(flow, "in") == "in"
        assert interpreter.order() == ["nap", "one", "nap"]


class TestLoose:
    """`evaluate.mode: loose`: every text is an expression, and stays itself where that fails."""

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            (".name", "Ada"),
            ("${ .name }", "Ada"),
            ("Hello, world!", "Hello, world!"),
            ("hello", "hello"),
            ("1 + 2", 3),
            ("", ""),
            ("# note", "# note"),
            ("empty", "empty"),
            (".name | error", ".name | error"),
            ("https://example.com/{name}", "https://example.com/{name}"),
        ],
    )
    def test_a_text_in_a_definition(
        self, interpreter: Any, flow_of: Callable[..., Flow], text: str, value: Json
    ) -> None:
        """Anywhere in the data that a task makes, at any depth."""
        flow = flow_of({"s": {"set": {"x": [text]}}}, evaluate={"mode": "loose"})
        assert interpreter.run(flow, {"name": "Ada"}) == {"x": [value]}

    def test_a_whole_definition_and_transformations(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """`set` may be one expression, `from` and `as` objects of them."""
        flow = flow_of(
            {
                "s": {
                    "set": "{a: .x}",
                    "input": {"from": {"x": ".y"}},
                    "output": {"as": {"b": ".a"}},
                }
            },
            evaluate={"mode": "loose"},
        )
        assert interpreter.run(flow, {"y": 3}) == {"b": 3}

    def test_an_expression_that_is_marked_may_still_fail(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """What is written as an expression is meant as one."""
        flow = flow_of({"s": {"set": {"x": "${ error }"}}}, evaluate={"mode": "loose"})
        assert interpreter.problem(flow, {}).type == ErrorType.EXPRESSION


@pytest.mark.skipif(SPEC is None, reason="TENDRIL_SPEC does not name a folder with the DSL")
class TestExamples:
    """The specification's own examples of what is defined once and used by name."""

    def flow(self, name: str) -> Flow:
        """Read an example, with a function of ours for what it refers to elsewhere."""
        parsed = parse(Path(str(SPEC), "examples", f"{name}.yaml").read_text(), name)
        log = {"set": {"logged": "${ .message }"}}
        functions = {wanted.name: log for wanted in imports_of(parsed)}
        return parsed.flow.importing(Imports.model_validate({"functions": functions}))

    def test_a_custom_function_of_the_flow(self, interpreter: Any) -> None:
        """Its arguments fill in the endpoint."""
        output = interpreter.run(self.flow("call-custom-function-inline"), {}, called)
        assert output["asked"]["endpoint"] == {"uri": "https://petstore.swagger.io/v2/pet/69"}

    def test_a_custom_function_from_elsewhere(self, interpreter: Any) -> None:
        """It is a task like any other once it is there."""
        output = interpreter.run(self.flow("call-custom-function-cataloged"), {})
        assert output == {"logged": "Hello, world!"}

    def test_an_extension_that_mocks_a_service(self, interpreter: Any) -> None:
        """The call goes elsewhere than to the mocked service, so it is made."""
        flow = self.flow("mock-service-extension")
        output = interpreter.run(flow, {}, called)
        assert output["asked"]["endpoint"] == {"uri": "https://fake.com/sample"}
        definition = flow.definition()
        definition["do"][0]["callHttp"]["with"]["endpoint"] = "https://mocked.service.com/x"
        output = interpreter.run(type(flow).model_validate(definition), {})
        assert output["content"] == {"foo": {"bar": "baz"}}
