"""What the language's features make of each other: one inside the other, one around the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from events.errors import ErrorType, Problem
from tests.events.flow.conftest import NEVER

if TYPE_CHECKING:
    from collections.abc import Callable

    from events.flow.effects import ChildRequest, TaskRequest
    from events.flow.syntax import Flow

Json = Any
BUSY = Problem(ErrorType.COMMUNICATION, 503, "Busy")


def event(kind: str, number: int) -> Json:
    """Return an event; its id tells events of a type apart."""
    named = {"specversion": "1.0", "id": f"{kind}-{number}", "source": "/x", "type": kind}
    return {**named, "data": {"n": number}}


def listen(expect: str | None = None, **more: Json) -> Json:
    """Return a task that listens to one event of type `a`, of a number if that is given."""
    keys = {"correlate": {"n": {"from": "${ .data.n }", "expect": expect}}} if expect else {}
    return {"listen": {"to": {"one": {"with": {"type": "a"}, **keys}}}, **more}


def each(tasks: list[Json], items: str = "[range(3)]", at_once: int = 3, **more: str) -> Json:
    """Return a parallel for."""
    own = {"tendril": {"concurrency": at_once, **more}}
    return {"for": {"in": items}, "metadata": own, "do": tasks}


def subflow(n: str = "${ .n }", **more: Json) -> Json:
    """Return a task that runs another flow."""
    asked = {"namespace": "x", "name": "y", "version": "1.0.0", "input": {"n": n}}
    return {"run": {"workflow": asked, **more}}


class TestParallelFor:
    """Iterations are scopes of their own, whatever waits in them."""

    @pytest.mark.parametrize("at_once", [1, 2, 3])
    def test_each_iteration_hears_its_own(
        self, interpreter: Any, flow_of: Callable[..., Flow], at_once: int
    ) -> None:
        """By a key, whenever the event came: also while the iteration lay dormant."""
        interpreter.events = [(4 - n, event("a", n)) for n in range(3)]
        loop = each([{"l": listen("${ $item }")}], at_once=at_once)
        assert interpreter.run(flow_of({"p": loop})) == [[{"n": n}] for n in range(3)]

    def test_without_a_key_all_hear_the_same(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """Each iteration is a listener of its own: an event is for all of them."""
        interpreter.events = [(1, event("a", 7)), (2, event("a", 8))]
        loop = each([{"l": listen()}], at_once=2)
        assert interpreter.run(flow_of({"p": loop})) == [[{"n": 7}]] * 3

    def test_a_listen_that_times_out_is_collected(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """What one iteration waits for in vain leaves the others theirs."""
        interpreter.events = [(1, event("a", 0)), (2, event("a", 2))]
        task = listen("${ $item }", timeout={"after": "PT10S"})
        found = interpreter.run(flow_of({"p": each([{"l": task}], onError="collect")}))
        assert found[::2] == [[{"n": 0}], [{"n": 2}]]
        assert found[1]["error"]["type"] == ErrorType.TIMEOUT

    def test_functions_and_runs_of_flows(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """A function's task sees the arguments alone; what it runs is told apart by its scope."""
        asked: list[str] = []

        def answer(request: TaskRequest | ChildRequest) -> Json:
            asked.append(request.instance)
            return {"n": request.input["n"] + 1}

        twice = {"do": [{"one": {"call": "ping", "with": {"n": "${ .n }"}}}, {"two": subflow()}]}
        loop = each([{"c": {"call": "twice", "with": {"n": "${ $item }"}}}])
        flow = flow_of({"p": loop}, use={"functions": {"twice": twice}})
        assert interpreter.run(flow, answer=answer) == [{"n": n + 2} for n in range(3)]
        assert len(set(asked)) == 6
        assert "/use/functions/twice/do/0/one#1@/do/0/p#1/2" in asked


class TestExtensions:
    """Before and after a task, whatever the task waits for."""

    @pytest.mark.parametrize(
        ("extend", "task", "output"),
        [
            ("listen", listen(), [{"n": 7}]),
            ("run", subflow("${ 1 }"), {"n": 2}),
            (
                "composite",
                {
                    "fork": {
                        "branches": [{"a": {"call": "ping", "with": {"n": 1}}}, {"b": listen()}]
                    }
                },
                [{"n": 2}, [{"n": 7}]],
            ),
            (
                "for",
                each([{"c": {"call": "ping", "with": {"n": "${ $item }"}}}]),
                [{"n": 1}, {"n": 2}, {"n": 3}],
            ),
            (
                "try",
                {
                    "try": [{"l": listen(timeout={"after": {"milliseconds": 10}})}],
                    "catch": {"do": [{"s": {"set": {"late": True}}}]},
                },
                {"late": True},
            ),
            ("wait", {"wait": {"seconds": 3}}, {"n": 0}),
        ],
    )
    def test_around_what_waits(
        self, interpreter: Any, flow_of: Callable[..., Flow], extend: str, task: Json, output: Json
    ) -> None:
        """What is done before may wait too; the task's output passes through unchanged."""
        interpreter.events = [(5, event("a", 7))]

        def ping(n: int) -> Json:
            return {"call": "ping", "with": {"n": n}}

        around = {
            "extend": extend,
            "before": [{"b": ping(10)}],
            "after": [{"w": {"wait": {"seconds": 1}}}, {"a": ping(20)}],
        }
        flow = flow_of({"t": task}, use={"extensions": [{"log": around}]})
        answer = lambda request: {"n": request.input["n"] + 1}  # noqa: E731
        assert interpreter.run(flow, {"n": 0}, answer) == output
        assert [interpreter.order()[0], interpreter.order()[-1]] == ["b", "a"]

    def test_a_fork_in_what_is_done_before(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """Branches of an extension are not extended, and see the task that is."""
        name = {"set": {"name": "${ $task.name }"}}
        fork = {
            "fork": {"branches": [{"x": name}, {"y": {"wait": {"seconds": 1}}}]},
            "then": "exit",
        }
        around = {"extend": "all", "before": [{"f": fork}]}
        flow = flow_of({"t": {"set": {"a": 1}}}, use={"extensions": [{"log": around}]})
        assert interpreter.run(flow, {"n": 0}) == [{"name": "t"}, {"n": 0}]


class TestExit:
    """`then: exit` leaves the list that the task is in, and no more."""

    @pytest.mark.parametrize(
        ("task", "output"),
        [
            ({"do": "LIST"}, {"left": 1}),
            ({"for": {"in": "[1, 2]"}, "do": "LIST"}, {"left": 1}),
            (each("LIST", "[1, 2]"), [{"left": 1}] * 2),  # type: ignore[arg-type]
            ({"try": "LIST", "catch": {}}, {"left": 1}),
            (
                {
                    "try": [
                        {"r": {"raise": {"error": {"type": "https://x.test/e", "status": 500}}}}
                    ],
                    "catch": {"do": "LIST"},
                },
                {"left": 1},
            ),
            (
                {
                    "fork": {
                        "branches": [
                            {"a": {"do": "LIST"}},
                            {"b": {"set": {"b": 1}, "then": "exit"}},
                        ]
                    }
                },
                [{"left": 1}, {"b": 1}],
            ),
            (
                {"listen": {"to": {"any": [], "until": "length == 2"}}, "foreach": {"do": "LIST"}},
                [{"left": 1}] * 2,
            ),
            ({"call": "own"}, {"left": 1}),
        ],
    )
    def test_in_each_kind_of_list(
        self, interpreter: Any, flow_of: Callable[..., Flow], task: Json, output: Json
    ) -> None:
        """The task that the list belongs to is done, with the output of what left it."""
        tasks = [{"x": {"set": {"left": 1}, "then": "exit"}}, {"y": {"set": {"left": 0}}}]

        def filled(value: Json) -> Json:
            if isinstance(value, dict):
                return {name: filled(inner) for name, inner in value.items()}
            if isinstance(value, list):
                return [filled(inner) for inner in value]
            return tasks if value == "LIST" else value

        interpreter.events = [(1, event("a", 1)), (2, event("a", 2))]
        after = {"z": {"set": {"was": "${ . }"}}}
        flow = flow_of({"t": filled(task)}, after, use={"functions": {"own": {"do": tasks}}})
        assert interpreter.run(flow) == {"was": output}
        assert "y" not in interpreter.order()


class TestEnd:
    """`then: end` cannot end the flow where other tasks run at the same time."""

    @pytest.mark.parametrize(
        "around",
        [
            {"fork": {"branches": [{"a": {"call": "own"}}]}},
            {"fork": {"branches": [{"a": {"do": [{"b": {"call": "own"}}]}}]}},
            each([{"a": {"call": "own"}}]),
        ],
    )
    def test_a_function_in_a_branch(
        self, interpreter: Any, flow_of: Callable[..., Flow], around: Json
    ) -> None:
        """One that was fetched, and so was not checked in its place, faults and says why."""
        own = {"do": [{"x": {"set": {"a": 1}, "then": "end"}}]}
        problem = interpreter.problem(flow_of({"t": around}, use={"functions": {"own": own}}))
        assert problem.type == ErrorType.CONFIGURATION
        assert "others still run" in problem.detail


class TestTime:
    """A timeout around each thing that waits ends it, and leaves nothing open behind it."""

    @pytest.mark.parametrize(
        "task",
        [
            {"call": "ping", "with": {"n": 1}},
            {"run": {"script": {"language": "js", "code": "1"}}},
            subflow("1"),
            listen(),
            {"wait": {"hours": 1}},
            {"do": [{"w": {"wait": {"hours": 1}}}]},
            {"for": {"in": "[1, 2]"}, "do": [{"l": listen()}]},
            each([{"l": listen("${ $item }")}, {"r": subflow("1")}]),
            {
                "fork": {
                    "branches": [
                        {"a": listen()},
                        {"b": subflow("1")},
                        {"c": {"wait": {"hours": 1}}},
                    ]
                }
            },
            {
                "try": [{"r": subflow("1")}],
                "catch": {"retry": {"delay": {"hours": 1}, "limit": {"attempt": {"count": 9}}}},
            },
            {"listen": {"to": {"any": []}}, "foreach": {"do": [{"r": subflow("1")}]}},
            {"call": "own"},
        ],
    )
    @pytest.mark.parametrize("extended", [False, True])
    def test_around_each(
        self, interpreter: Any, flow_of: Callable[..., Flow], task: Json, *, extended: bool
    ) -> None:
        """The run goes on in the catch, with an extension around the task or without."""
        own = {"do": [{"f": {"fork": {"branches": [{"l": listen()}, {"r": subflow("1")}]}}}]}
        use: Json = {"functions": {"own": own}}
        if extended:
            use["extensions"] = [
                {"e": {"extend": "all", "before": [{"s": {"set": {"seen": 1}}}], "after": []}}
            ]
        interpreter.events = [(2, {**event("b", 1)})]
        timed = {**task, "timeout": {"after": {"seconds": 30}}}
        errors = {"with": {"type": ErrorType.TIMEOUT}}
        caught = {"errors": errors, "do": [{"s": {"set": {"late": True}}}]}
        flow = flow_of({"t": {"try": [{"x": timed}], "catch": caught}}, use=use)
        assert interpreter.run(flow, answer=lambda _: NEVER) == {"late": True}


class TestRetries:
    """A try's attempts are visits of their own."""

    @pytest.mark.parametrize(
        "task",
        [
            {"run": {"script": {"language": "js", "code": "1"}}},
            {"run": {"shell": {"command": "true"}}},
            subflow("1"),
            {"call": "own"},
        ],
    )
    def test_of_what_fails_twice(
        self, interpreter: Any, flow_of: Callable[..., Flow], task: Json
    ) -> None:
        """Each attempt asks anew, under another instance."""
        asked: list[str] = []

        def answer(request: TaskRequest | ChildRequest) -> Json:
            asked.append(request.instance)
            return BUSY if len(asked) < 3 else {"n": 3}

        retry = {"delay": {"seconds": 1}, "limit": {"attempt": {"count": 5}}}
        own = {"do": [{"r": subflow("1")}]}
        flow = flow_of(
            {"t": {"try": [{"x": task}], "catch": {"retry": retry}}},
            use={"functions": {"own": own}},
        )
        assert interpreter.run(flow, answer=answer) == {"n": 3}
        assert [each.rpartition("#")[2] for each in asked] == ["1", "2", "3"]
