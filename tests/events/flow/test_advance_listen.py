"""What a `listen` consumes, in which order, and what comes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from events.errors import ErrorType, Problem
from events.flow.advance import StaleSignal, advance
from events.flow.signals import EventHeard, Start
from events.flow.steps import Facts
from tests.events.flow.conftest import BEGAN, NEVER

if TYPE_CHECKING:
    from collections.abc import Callable

    from events.flow.syntax import Flow

Json = Any


def event(kind: str, number: int = 0, data: Json = None, **attributes: Json) -> Json:
    """Return an event of a type; its id tells events of a type apart."""
    source = "https://x.test/sensor"
    return {
        "specversion": "1.0",
        "id": f"{kind}-{number}",
        "source": source,
        "type": kind,
        "data": data if data is not None else {"n": number},
        **attributes,
    }


def only(kind: str, **more: Json) -> Json:
    """Return a filter for one type."""
    return {"with": {"type": kind}, **more}


def listen(to: Json, read: str = "", **more: Json) -> Json:
    """Return a flow's task that listens."""
    return {"l": {"listen": {"to": to, **({"read": read} if read else {})}, **more}}


class TestWhatIsConsumed:
    """Each strategy takes the events it asks for, in the order in which they came."""

    @pytest.mark.parametrize(
        ("to", "expected"),
        [
            ({"one": only("b")}, ["b-0"]),
            ({"any": [only("b"), only("a")]}, ["a-0"]),
            ({"any": []}, ["a-0"]),
            ({"all": []}, []),
            ({"all": [only("b"), only("a")]}, ["a-0", "b-0"]),
            ({"all": [only("a"), only("a")]}, ["a-0", "a-1"]),
            ({"all": [only("[ab]"), only("b"), only("c")]}, ["a-0", "b-0", "c-0"]),
            ({"any": [], "until": "length == 3"}, ["a-0", "b-0", "a-1"]),
            ({"any": [only("a")], "until": "${ .[-1].data.n > 0 }"}, ["a-0", "a-1"]),
            ({"any": [only("a")], "until": {"one": only("c")}}, ["a-0", "a-1"]),
            ({"any": [], "until": {"any": [only("x"), only("c")]}}, ["a-0", "b-0", "a-1"]),
            ({"any": [only("a")], "until": {"all": [only("c"), only("b")]}}, ["a-0", "a-1"]),
        ],
    )
    def test_strategies(
        self, interpreter: Any, flow_of: Callable[..., Flow], to: Json, expected: list[str]
    ) -> None:
        """The events that end a listen `until` are no part of the output."""
        stream = [event("a"), event("b"), event("a", 1), event("c"), event("d")]
        interpreter.events = [(second, each) for second, each in enumerate(stream)]
        found = interpreter.run(flow_of(listen(to, "envelope")))
        assert [each["id"] for each in found] == expected

    @pytest.mark.parametrize(
        ("read", "extra", "expected"),
        [
            ("", {}, {"n": 1}),
            ("data", {}, {"n": 1}),
            ("raw", {}, '{"n":1}'),
            ("raw", {"data": "ü", "datacontenttype": "text/plain"}, "ü"),
            ("raw", {"data": "ü", "datacontenttype": "application/json; charset=utf-8"}, '"ü"'),
            ("data", {"data_base64": "AAE="}, "AAE="),
            ("raw", {"data_base64": "AAE="}, "AAE="),
        ],
    )
    def test_reading(
        self,
        interpreter: Any,
        flow_of: Callable[..., Flow],
        read: str,
        extra: Json,
        expected: Json,
    ) -> None:
        """`data` is the payload, `raw` its text."""
        heard = event("a", 1) | extra
        if "data_base64" in extra:
            del heard["data"]
        interpreter.events = [(0, heard)]
        assert interpreter.run(flow_of(listen({"one": only("a")}, read))) == [expected]

    def test_data_expressions_may_use_the_run(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """A filter sees the attribute as `.`, and the arguments of the task."""
        data = "${ .n > 2 and .n == $context.wanted }"
        to = {"one": {"with": {"type": "a", "data": data}}}
        interpreter.events = [(n, event("a", n)) for n in range(9)]
        assert interpreter.run(flow_of(listen(to)), {"wanted": 5}) == [{"n": 5}]

    def test_what_came_before_is_heard_and_nothing_twice(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """A loop around a listen misses nothing between two visits and hears nothing again."""
        loop = {
            "for": {"in": "[range(4)]"},
            "do": [{"w": {"wait": {"seconds": 2}}}, listen({"one": only("a")})],
        }
        interpreter.events = [(0.5 * n, event("a", n)) for n in range(3)] + [(60, event("a", 3))]
        found = interpreter.run(flow_of({"loop": loop | {"export": {"as": "."}}}))
        assert found == [{"n": 3}]
        heard = [each for each in interpreter.records if each.kind == "event.heard"]
        assert [each.detail["id"] for each in heard] == ["a-0", "a-1", "a-2", "a-3"]


class TestCorrelation:
    """Only events that belong together are consumed."""

    @pytest.mark.parametrize(
        ("expect", "room"),
        [("7", 7), (7, "7"), ("${ .room }", 7), ("${ .room | tostring }", 7.0), ("b", "b")],
    )
    def test_expected(
        self, interpreter: Any, flow_of: Callable[..., Flow], expect: Json, room: Json
    ) -> None:
        """A key may expect a constant or an expression; a number and its text are the same."""
        key = {"room": {"from": ".data.room", "expect": str(expect)}}
        interpreter.events = [
            (0, event("a", 1, {"room": "other"})),
            (1, event("a", 2, {})),
            (2, event("a", 3, {"room": room})),
        ]
        flow = flow_of(listen({"one": only("a", correlate=key)}))
        assert interpreter.run(flow, {"room": 7}) == [{"room": room}]
        [subscription] = interpreter.steps[0].subscriptions
        assert subscription.expected == {"room": "7" if expect != "b" else "b"}

    def test_nothing_can_be_expected(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """A key that expects null would wait for ever: it is an error."""
        key = {"room": {"from": ".roomid", "expect": "${ .no }"}}
        problem = interpreter.problem(flow_of(listen({"one": only("a", correlate=key)})), {})
        assert (problem.status, "correlate.room.expect" in problem.detail) == (400, True)

    def test_bound_by_the_first(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """Without `expect` the first event says what the others must have."""
        key = {"roomId": {"from": ".roomid"}}
        to = {"all": [only("t", correlate=key), only("h", correlate=key)]}
        stream = [("t", "1"), ("h", "2"), ("t", "2"), ("x", "1"), ("h", "1")]
        interpreter.events = [
            (second, event(kind, second, roomid=room)) for second, (kind, room) in enumerate(stream)
        ]
        found = interpreter.run(flow_of(listen(to, "envelope")))
        assert [(each["type"], each["roomid"]) for each in found] == [("t", "1"), ("h", "1")]

    def test_what_was_ignored_is_left_for_the_next_visit(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """An event of another room belongs to the visit that is about that room."""
        key = {"roomId": {"from": ".roomid"}}
        to = {"all": [only("t", correlate=key), only("h", correlate=key)]}
        stream = [("t", "1"), ("h", "2"), ("t", "2"), ("h", "1")]
        interpreter.events = [
            (second, event(kind, second, roomid=room)) for second, (kind, room) in enumerate(stream)
        ]
        loop = {"for": {"in": "[1, 2]"}, "do": [listen(to, "envelope")]}
        found = interpreter.run(flow_of({"loop": loop}))
        assert [(each["type"], each["roomid"]) for each in found] == [("h", "2"), ("t", "2")]


class TestForeach:
    """The tasks of `foreach` are done for one event after the other, in the order they came."""

    def test_first_in_first_out(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """While the tasks are busy events queue; each has its item, its index and its output."""
        foreach = {
            "item": "seen",
            "at": "i",
            "do": [{"ask": {"call": "tool", "with": {"n": "${ $seen.n }", "i": "${ $i }"}}}],
            "output": {"as": "{got: ., of: $seen.n}"},
            "export": {"as": "{all: (($context.all // []) + [$output.of])}"},
        }
        to = {"any": [only("a")], "until": "${ ($context.all | length) == 3 }"}
        interpreter.events = [(0.1 * n, event("a", n)) for n in range(5)]
        flow = flow_of(listen(to, foreach=foreach))
        found = interpreter.run(flow, {}, lambda request: request.input)
        assert found == [{"got": {"n": n, "i": n}, "of": n} for n in range(3)]
        assert interpreter.steps[-1].state["context"] == {"all": [0, 1, 2]}
        assert len(interpreter.requests) == 3, "what is left in the queue is not consumed"
        heard = [each for step in interpreter.steps for each in step.consumed]
        assert len(heard) == 3

    def test_without_tasks(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """An iterator may transform alone."""
        flow = flow_of(listen({"one": only("a")}, foreach={"output": {"as": ".n + $index"}}))
        interpreter.events = [(0, event("a", 4))]
        assert interpreter.run(flow) == [4]

    @pytest.mark.parametrize(
        ("then", "expected"), [("exit", [{"n": 0}, {"n": 1}]), ("end", {"n": 0})]
    )
    def test_directives(
        self, interpreter: Any, flow_of: Callable[..., Flow], then: str, expected: Json
    ) -> None:
        """`exit` ends the iteration, `end` the flow; nothing is left listening."""
        do = [{"s": {"set": "${ $item }", "then": then}}, {"never": {"set": {"x": 1}}}]
        to = {"any": [only("a")], "until": "length == 2"}
        interpreter.events = [(n, event("a", n)) for n in range(3)]
        assert interpreter.run(flow_of(listen(to, foreach={"do": do}))) == expected

    def test_forks_and_errors_within(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """An iteration may be a fork; an error of one ends the listen, and can be caught."""
        branches = [{name: {"call": "tool", "with": {}}} for name in ("x", "y")]
        do = [{"f": {"fork": {"branches": branches}}}]
        to = {"any": [only("a")], "until": "length == 9"}
        caught = {"try": [listen(to, foreach={"do": do})], "catch": {"do": []}}
        interpreter.events = [(n / 10, event("a", n)) for n in range(5)]
        answers = iter(range(6))

        def answer(_: object) -> Json:
            number = next(answers)
            return number if number < 4 else Problem(ErrorType.RUNTIME, 500, "Broken")

        assert interpreter.run(flow_of({"t": caught}), {"in": 1}, answer) == {"in": 1}
        assert len(interpreter.requests) == 6


class TestItsEnd:
    """However a listen ends, nothing is left that listens."""

    def test_timeout(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """A listen may take too long, also while it is busy."""
        slow = {"do": [{"ask": {"call": "tool", "with": {}}}]}
        to = {"any": [], "until": "${ false }"}
        task = listen(to, foreach=slow, timeout={"after": {"seconds": 5}})
        interpreter.events = [(1, event("a"))]
        problem = interpreter.problem(flow_of(task), {}, lambda _: NEVER)
        assert (problem.type, problem.instance) == (ErrorType.TIMEOUT, "/do/0/l")
        assert interpreter.steps[-1].deaf == ("/do/0/l#1",)

    def test_the_first_of_competitors(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """Of two branches that listen, the one whose event comes ends the fork."""
        branches = [listen({"one": only(kind)}, then="exit") for kind in ("a", "b")]
        named = [{name: each["l"]} for name, each in zip("xy", branches, strict=True)]
        interpreter.events = [(3, event("b", 8))]
        flow = flow_of({"f": {"fork": {"compete": True, "branches": named}}})
        assert interpreter.run(flow) == [{"n": 8}]
        [shut] = [each for step in interpreter.steps for each in step.shuts]
        assert shut.fork == "/do/0/f#1"

    def test_nobody_listens(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """An event for a listen that is over, or was never there, is refused."""
        flow = flow_of(listen({"one": only("a")}))
        facts = Facts("run-1", {}, BEGAN, BEGAN)
        step = advance(flow, None, Start(), facts, interpreter.evaluate)
        for instance in ("/do/0/l#2", "/do/0", ""):
            with pytest.raises(StaleSignal, match="does not listen"):
                advance(
                    flow, step.state, EventHeard(instance, event("a")), facts, interpreter.evaluate
                )

    def test_until_may_fail(self, interpreter: Any, flow_of: Callable[..., Flow]) -> None:
        """An `until` that cannot be evaluated is the listen's error."""
        interpreter.events = [(0, event("a"))]
        problem = interpreter.problem(flow_of(listen({"any": [], "until": "error"})))
        assert (problem.type, problem.instance) == (ErrorType.EXPRESSION, "/do/0/l")
