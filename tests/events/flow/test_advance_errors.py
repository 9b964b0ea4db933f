"""Errors: raised, caught, handled and passed on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from events.errors import ErrorType, Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from events.flow.syntax import Flow

NOT_FOUND = Problem(ErrorType.COMMUNICATION, 404, "Not Found", "no such pet")


def appends(colour: str, **more: Any) -> dict[str, Any]:
    """Return a set task that appends a colour."""
    return {"set": {"colours": f'${{ .colours + ["{colour}"] }}'}, **more}


def fails(status: int = 400, **more: Any) -> dict[str, Any]:
    """Return a raise task."""
    return {"raise": {"error": {"type": "https://x.test/oops", "status": status, **more}}}


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
        """After the handler, already in the try's `output.as`, the error is no variable."""
        task = self.trying(fails())
        task["t"]["output"] = {"as": "$error"}
        assert "not defined" in str(interpreter.problem(flow_of(task)).detail)
        flow = flow_of(self.trying(fails()), {"b": {"set": {"e": "${ $error }"}}})
        assert "not defined" in str(interpreter.problem(flow).detail)
