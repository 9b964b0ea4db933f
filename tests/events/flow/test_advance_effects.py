"""What a run asks of the world outside: events to emit, tasks to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from events.errors import ErrorType

if TYPE_CHECKING:
    from collections.abc import Callable

    from events.flow.effects import TaskRequest
    from events.flow.syntax import Flow


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

    @pytest.mark.parametrize(
        ("call", "arguments", "sent"),
        [
            (
                "openapi",
                {"document": {"name": "d", "endpoint": "https://{host}/api"}, "operationId": "x"},
                {"document": {"name": "d", "endpoint": {"uri": "https://a.test/api"}}},
            ),
            (
                "a2a",
                {"method": "tasks/list", "server": {"uri": '${ "https://" + .host }'}},
                {"server": {"uri": "https://a.test"}},
            ),
            (
                "mcp",
                {
                    "method": "tools/list",
                    "transport": {
                        "http": {"endpoint": "https://{host}", "headers": {"a": "{host}"}}
                    },
                    "parameters": "${ {cursor: .host} }",
                },
                {
                    "transport": {
                        "http": {"endpoint": {"uri": "https://a.test"}, "headers": {"a": "{host}"}}
                    },
                    "parameters": {"cursor": "a.test"},
                },
            ),
        ],
    )
    def test_the_dsls_own_calls_get_their_endpoints_expanded(
        self, interpreter: Any, flow_of: Callable[..., Flow], call: str, arguments: Any, sent: Any
    ) -> None:
        """An endpoint is a URI template wherever a call has one; other texts stay as they are."""
        seen: list[TaskRequest] = []

        def answer(request: TaskRequest) -> None:
            seen.append(request)

        flow = flow_of({"c": {"call": call, "with": arguments}})
        interpreter.run(flow, {"host": "a.test"}, answer)
        assert (seen[0].function, seen[0].version) == (call, "")
        assert {name: seen[0].input[name] for name in sent} == sent

    @pytest.mark.parametrize("value", [[1], {"a": 1}])
    def test_only_scalars_go_into_a_uri(
        self, interpreter: Any, flow_of: Callable[..., Flow], value: Any
    ) -> None:
        """A list or a map in a URI is an expression error, as the specification says."""
        given = {"method": "get", "endpoint": "https://x.test/{v}"}
        problem = interpreter.problem(flow_of({"h": {"call": "http", "with": given}}), {"v": value})
        assert problem.type == ErrorType.EXPRESSION

    def test_tasks_after_an_answer_get_its_output(
        self, interpreter: Any, flow_of: Callable[..., Flow]
    ) -> None:
        """Every answer is a step of its own, and the state between them is JSON."""
        flow = flow_of({"a": {"call": "x"}}, {"b": {"set": "${ .n + 1 }"}}, {"c": {"call": "x"}})

        def answer(request: TaskRequest) -> Any:
            return {"n": 1} if request.reference == "/do/0/a" else 9

        assert interpreter.run(flow, None, answer) == 9
        assert len(interpreter.steps) == 3
