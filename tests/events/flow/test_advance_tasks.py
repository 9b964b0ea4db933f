"""Each kind of task, driven from start to end with real jq."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from events.errors import ErrorType, Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from events.flow.steps import TaskRequest
    from events.flow.syntax import Flow

NOT_FOUND = Problem(ErrorType.COMMUNICATION, 404, "Not Found", "no such pet")


def appends(colour: str, **more: Any) -> dict[str, Any]:
    """Return a set task that appends a colour."""
    return {"set": {"colours": f'${{ .colours + ["{colour}"] }}'}, **more}


def fails(status: int = 400, **more: Any) -> dict[str, Any]:
    """Return a raise task."""
    return {"raise": {"error": {"type": "https://x.test/oops", "status": status, **more}}}


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


class TestRaise:
    """`raise` ends in an error of the flow's own."""

    def test_an_error_in_place(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """The run faults with exactly what the task says, located at the task."""
        error = {
            "type": "https://x.test/compliance",
            "status": 451,
            "title": "Compliance",
            "instance": "/elsewhere",
        }
        flow = flow_of({"no": {"raise": {"error": error}}})
        assert interpreter.problem(flow).to_json() == {**error, "instance": "/do/0/no"}

    def test_an_error_by_name_with_expressions(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """Title, detail and type may be expressions; the error may stand under `use`."""
        error = {
            "type": "https://x.test/{kind}",
            "status": 500,
            "title": "${ .title }",
            "detail": '${ "\\($workflow.definition.document.name) is not done" }',
        }
        flow = flow_of({"no": {"raise": {"error": "later"}}}, use={"errors": {"later": error}})
        problem = interpreter.problem(flow, {"kind": "a b", "title": [1]})
        assert problem == Problem(
            "https://x.test/a%20b", 500, "[1]", "case is not done", "/do/0/no"
        )


class TestTry:
    """`try` and `catch`."""

    @staticmethod
    def trying(inner: dict[str, Any], **catch: Any) -> dict[str, Any]:
        """Return one try task around one task."""
        return {"t": {"try": [{"inner": inner}], "catch": catch}}

    def test_the_handler_sees_the_error(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """The handler gets the try's input as data and the error as its variable."""
        handler = [{"tell": {"set": {"error": "${ $err }", "was": "${ .x }"}}}]
        task = {"do": [{"lose": {"set": {}}}, {"fail": fails(418)}]}
        task["do"][0]["lose"]["set"]["gone"] = True
        flow = flow_of(self.trying(task, **{"as": "err", "do": handler}))
        assert interpreter.run(flow, {"x": 1}) == {
            "was": 1,
            "error": {
                "type": "https://x.test/oops",
                "status": 418,
                "title": "Oops",
                "instance": "/do/0/t/try/0/inner/do/1/fail",
            },
        }
        kinds = [each.kind for each in interpreter.records]
        assert kinds.count("task.faulted") == 2
        assert kinds.count("task.caught") == 1

    def test_without_a_handler_the_input_goes_on(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """A caught error with nothing to do about it completes the try with its input."""
        assert interpreter.run(flow_of(self.trying(fails())), {"x": 1}) == {"x": 1}

    @pytest.mark.parametrize(
        ("catch", "caught"),
        [
            ({}, True),
            ({"errors": {}}, True),
            ({"errors": {"with": {"status": 503}}}, True),
            ({"errors": {"with": {"status": 404}}}, False),
            ({"errors": {"with": {"type": "https://x.test/oops", "status": 503}}}, True),
            ({"errors": {"with": {"type": "https://x.test/other", "status": 503}}}, False),
            ({"errors": {"with": {"title": "Busy"}}}, True),
            ({"errors": {"with": {"title": "Oops"}}}, False),
            ({"errors": {"with": {"detail": "later"}}}, True),
            ({"errors": {"with": {"details": "later"}}}, True),
            ({"errors": {"with": {"detail": "never"}}}, False),
            ({"errors": {"with": {"instance": "/do/0/t/try/0/inner"}}}, True),
            ({"errors": {"with": {"instance": "/do/0"}}}, False),
            ({"when": "$error.status == 503"}, True),
            ({"when": "$error.status == 404"}, False),
            ({"when": ".x == 1 and $input.x == 1"}, True),
            ({"when": "${ false }"}, False),
            ({"exceptWhen": "$error.status == 503"}, False),
            ({"exceptWhen": "$error.status == 404"}, True),
            ({"as": "e", "when": "$e.status == 503", "exceptWhen": "$e.status == 503"}, False),
        ],
    )
    def test_which_errors_are_caught(
        self,
        interpreter: Any,
        flow_of: Callable[..., Flow],
        catch: dict[str, Any],
        caught: bool,
    ) -> None:
        """The filter, `when` and `exceptWhen` must all agree."""
        flow = flow_of(self.trying(fails(503, title="Busy", detail="later"), **catch))
        status = interpreter.status(flow, {"x": 1})
        assert hasattr(status, "output") is caught

    @pytest.mark.parametrize("base", ["spec/1.0.0/errors", "dsl/errors/types"])
    def test_both_spellings_of_a_standard_type(
        self, interpreter: Any, flow_of: Callable[..., Flow], base: str
    ) -> None:
        """The base in the reference and the one in its examples mean the same standard type."""
        kind = f"https://serverlessworkflow.io/{base}/communication"
        call = {"call": "http", "with": {"method": "get", "endpoint": "https://x.test/"}}
        flow = flow_of(self.trying(call, errors={"with": {"type": kind, "status": 404}}))
        assert interpreter.run(flow, 1, lambda _: NOT_FOUND) == 1

    def test_a_tools_error_is_located(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """An error from outside carries the reference of the call, whatever the tool said."""
        flow = flow_of({"c": {"call": "llm"}})
        problem = interpreter.problem(flow, None, lambda _: NOT_FOUND.at("/tool/internals"))
        assert problem == NOT_FOUND.at("/do/0/c")

    @pytest.mark.parametrize(
        "broken",
        [
            {"input": {"from": "error"}},
            {"output": {"as": "error"}},
            {"export": {"as": "error"}},
            {"if": "error"},
        ],
    )
    def test_a_try_does_not_catch_its_own_errors(
        self, interpreter: Any, flow_of: Callable[..., Flow], broken: dict[str, Any]
    ) -> None:
        """What fails outside the tried list is for whoever is around; a try around it catches."""
        inner = {"try": [{"a": appends("a")}], "catch": {"do": [{"b": appends("b")}]}, **broken}
        flow = flow_of({"t": inner})
        problem = interpreter.problem(flow, {})
        assert (problem.type, problem.instance) == (ErrorType.EXPRESSION, "/do/0/t")
        outer = {"try": [{"t": inner}], "catch": {"do": [{"c": appends("c")}]}}
        assert interpreter.run(flow_of({"o": outer}), {}) == {"colours": ["c"]}

    @pytest.mark.parametrize("where", ["when", "exceptWhen", "do"])
    def test_a_catch_that_fails_faults_once(
        self, interpreter: Any, flow_of: Callable[..., Flow], where: str
    ) -> None:
        """An error in the catch itself leaves the try; it is not caught there again."""
        catch = {where: [{"again": fails(500)}] if where == "do" else "error"}
        interpreter.problem(flow_of(self.trying(fails(), **catch)), {})
        outer = {"try": [self.trying(fails(), **catch)], "catch": {}}
        assert interpreter.run(flow_of({"o": outer}), 1) == 1

    def test_the_variable_ends_with_the_handler(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """After the try its error is no variable any more."""
        flow = flow_of(self.trying(fails()), {"b": {"set": {"e": "${ $error }"}}})
        assert "not defined" in str(interpreter.problem(flow).detail)


class TestEmit:
    """`emit` publishes an event."""

    def test_the_event_is_complete_and_the_output(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """id, time and specversion are filled in; attributes and data are the task's output."""
        given = {
            "source": "https://x.test/{who}",
            "type": "test.greeted.v1",
            "subject": "${ .who }",
            "priority": "${ 5 }",
            "absent": "${ null }",
            "data": {"greeting": '${ "Hello \\(.who)!" }'},
        }
        flow = flow_of({"e": {"emit": {"event": {"with": given}}}})
        output = interpreter.run(flow, {"who": "Jo"})
        (event,) = interpreter.emissions
        assert output == {**event.attributes, "data": {"greeting": "Hello Jo!"}}
        assert event.attributes | {"id": ""} == {
            "id": "",
            "specversion": "1.0",
            "source": "https://x.test/Jo",
            "type": "test.greeted.v1",
            "time": "2026-03-01T12:00:00.250000Z",
            "subject": "Jo",
            "priority": 5,
        }
        assert event.has_data

    def test_ids_differ_by_visit_and_by_nothing_else(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """The id follows from run and task instance: a loop's events differ, a replay's do not."""
        event = {"emit": {"event": {"with": {"source": "https://x.test", "type": "t"}}}}
        flow = flow_of({"l": {"for": {"in": "[1, 2]"}, "do": [{"e": event}]}})
        interpreter.run(flow)
        interpreter.run(flow)
        ids = [each.attributes["id"] for each in interpreter.emissions]
        assert ids[:2] == ids[2:]
        assert len(set(ids)) == 2

    @pytest.mark.parametrize(
        ("given", "reason"),
        [
            ({"type": "${ null }"}, "type"),
            ({"type": "${ {} }"}, "type"),
            ({"id": ""}, "id"),
            ({"time": "${ 5 }"}, "time"),
            ({"Bad-Name": "x"}, "Bad-Name"),
            ({"list": [1]}, "list"),
        ],
    )
    def test_a_malformed_event_faults(
        self,
        interpreter: Any,
        flow_of: Callable[..., Flow],
        given: dict[str, Any],
        reason: str,
    ) -> None:
        """What would be no CloudEvent is a validation error that names the attribute."""
        attributes = {"source": "https://x.test", "type": "t", **given}
        problem = interpreter.problem(flow_of({"e": {"emit": {"event": {"with": attributes}}}}))
        assert (problem.type, problem.instance) == (ErrorType.VALIDATION, "/do/0/e")
        assert reason in str(problem.detail)


class TestCall:
    """`call` asks for a task."""

    def test_a_catalog_function(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """Name and version come from the call, the input from `with`, resolved."""
        call = {"call": "llm:1.0@default", "with": {"prompt": "${ .q }", "n": 1}}
        flow = flow_of({"ask": call | {"output": {"as": ".text"}}})
        assert interpreter.run(flow, {"q": "why"}, lambda _: {"text": "so"}) == "so"
        (request,) = interpreter.requests
        assert request.instance == "/do/0/ask#1"
        assert request.reference == "/do/0/ask"
        assert (request.function, request.version) == ("llm", "1.0")
        assert request.input == {"prompt": "why", "n": 1}
        details = {each.kind: each.detail for each in interpreter.records}
        assert details["task.requested"] == {"function": "llm", "version": "1.0"}

    @pytest.mark.parametrize(
        ("call", "function", "version"),
        [
            ("llm", "llm", ""),
            ("llm:2", "llm", "2"),
            ("a.b:1.2.3-rc.1@default", "a.b", "1.2.3-rc.1"),
        ],
    )
    def test_how_a_function_is_named(
        self,
        interpreter: Any,
        flow_of: Callable[..., Flow],
        call: str,
        function: str,
        version: str,
    ) -> None:
        """Version and catalog may be left out."""
        interpreter.run(flow_of({"ask": {"call": call}}), None, lambda _: None)
        assert interpreter.requests[0].function == function
        assert interpreter.requests[0].version == version
        assert interpreter.requests[0].input == {}

    @pytest.mark.parametrize(
        ("endpoint", "uri"),
        [
            ("https://x.test/{id}/{missing}?s={s}", "https://x.test/a%2Fb/?s=true"),
            ({"uri": "https://x.test/{n}/{pet.id}"}, "https://x.test/1.5/dotted"),
            ('${ "https://x.test/\\(.id)" }', "https://x.test/a/b"),
            ({"uri": "${ .base }"}, "https://base.test"),
        ],
    )
    def test_http_endpoints(
        self, interpreter: Any, flow_of: Callable[..., Flow], endpoint: Any, uri: str
    ) -> None:
        """An endpoint is a template over the input's own properties, or an expression."""
        data = {
            "id": "a/b",
            "s": True,
            "n": 1.5,
            "pet.id": "dotted",
            "base": "https://base.test",
        }
        given = {
            "method": "post",
            "endpoint": endpoint,
            "headers": "${ {a: .id} }",
            "body": "${.n}",
        }
        flow = flow_of({"h": {"call": "http", "with": given}})
        interpreter.run(flow, data, lambda _: None)
        (request,) = interpreter.requests
        assert (request.function, request.version) == ("http", "")
        assert request.input == {
            "method": "post",
            "endpoint": {"uri": uri},
            "headers": {"a": "a/b"},
            "body": 1.5,
        }

    def test_http_authentication_travels_resolved(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """Credentials given by expressions are part of the endpoint."""
        basic = {"basic": {"username": "${ .u }", "password": "${ .p }"}}
        endpoint = {"uri": "https://x.test/", "authentication": basic}
        flow = flow_of({"h": {"call": "http", "with": {"method": "get", "endpoint": endpoint}}})
        interpreter.run(flow, {"u": "a", "p": "b"}, lambda _: None)
        assert interpreter.requests[0].input["endpoint"] == {
            "uri": "https://x.test/",
            "authentication": {"basic": {"username": "a", "password": "b"}},
        }

    @pytest.mark.parametrize("value", [[1], {"a": 1}])
    def test_only_scalars_go_into_a_uri(
        self, interpreter: Any, flow_of: Callable[..., Flow], value: Any
    ) -> None:
        """A list or a map in a URI is an expression error, as the specification says."""
        given = {"method": "get", "endpoint": "https://x.test/{v}"}
        problem = interpreter.problem(flow_of({"h": {"call": "http", "with": given}}), {"v": value})
        assert problem.type == ErrorType.EXPRESSION

    def test_what_cannot_be_run_says_so(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """A kind of task or call that has no transition is a configuration error by name."""
        assert "`wait`" in str(interpreter.problem(flow_of({"w": {"wait": "PT1S"}})).detail)
        document = {"endpoint": "https://x.test/api.json"}
        call = {"call": "openapi", "with": {"document": document, "operationId": "x"}}
        assert "openapi" in str(interpreter.problem(flow_of({"w": call})).detail)

    def test_tasks_after_an_answer_get_its_output(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """Every answer is a step of its own, and the state between them is JSON."""
        flow = flow_of({"a": {"call": "x"}}, {"b": {"set": "${ .n + 1 }"}}, {"c": {"call": "x"}})

        def answer(request: TaskRequest) -> Any:
            return {"n": 1} if request.reference == "/do/0/a" else 9

        assert interpreter.run(flow, None, answer) == 9
        assert len(interpreter.steps) == 3
