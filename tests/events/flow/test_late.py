"""What a call leaves to its host: secrets are in no state, and no data can pass for them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from events.errors import ToolError
from events.flow.late import MEMBER, late, secret_names, whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from events.flow.syntax import Flow

USE = {
    "secrets": ["pair", "key", "unused"],
    "authentications": {"named": {"basic": {"use": "pair"}}},
}


def test_a_secret_is_left_where_it_stands(interpreter: Any, flow_of: Callable[..., Flow]) -> None:
    """The expression travels as written, with its data and what it mentions; others are done."""
    given = {
        "headers": {"x/key": "${ $secrets.key + .n }", "n": "${ .n }", "c": ["${ $context.n }"]},
        "text": "a ${ $secrets.key }",
    }
    flow = flow_of({"t": {"call": "llm", "with": given}}, use=USE)
    interpreter.run(flow, {"n": "1"}, lambda _: None)
    (request,) = interpreter.requests
    assert request.input["headers"] == {"x/key": "${ $secrets.key + .n }", "n": "1", "c": ["1"]}
    told = request.payload()[MEMBER]
    assert told["at"] == ["/headers/x~1key"]
    assert told["data"] == {"n": "1"}
    assert told["secrets"] == ["key"]
    assert set(told["arguments"]) == {"__now"}
    assert json.loads(json.dumps(request.payload())) == request.payload()


def test_credentials_by_name_become_the_secret(
    interpreter: Any, flow_of: Callable[..., Flow]
) -> None:
    """`use` of a policy is the policy, `use` of a secret is the expression that is the secret."""
    endpoint = {"uri": '${ "https://" + $secrets.key }', "authentication": {"use": "named"}}
    arguments = {"method": "get", "endpoint": endpoint, "body": "${ $authorization.parameter }"}
    flow = flow_of({"h": {"call": "http", "with": arguments}}, use=USE)
    interpreter.run(flow, {}, lambda _: None)
    (request,) = interpreter.requests
    assert request.input["endpoint"]["authentication"] == {"basic": '${ $secrets["pair"] }'}
    told = request.payload()[MEMBER]
    assert set(told["at"]) == {"/endpoint/uri", "/endpoint/authentication/basic", "/body"}
    assert told["secrets"] == ["pair", "key"]
    assert told["policy"] == "/endpoint/authentication"


def test_data_cannot_pass_for_a_program(interpreter: Any, flow_of: Callable[..., Flow]) -> None:
    """What a run's input says of secrets is text, wherever it lands."""
    forged = {"a": "${ $secrets.key }", MEMBER: {"at": ["/body/a"], "secrets": ["key"]}}
    arguments = {"method": "get", "endpoint": "https://{host}/", "body": "${ . }"}
    flow = flow_of({"h": {"call": "http", "with": arguments}}, use=USE)
    interpreter.run(flow, forged | {"host": "${ $secrets.key }"}, lambda _: None)
    (request,) = interpreter.requests
    assert request.late is None
    assert MEMBER not in request.payload()
    assert request.input["body"][MEMBER] == forged[MEMBER]  # below the top it means nothing
    assert "secrets" in request.input["endpoint"]["uri"]


SEALED: Any = {
    "input": {
        "schema": {"document": {"required": ["n"]}},
        "from": {"n": "${ .n }", "k": "${ $secrets.key }"},
    },
    "output": {"as": "{got: ., was: $task.input}"},
}


def test_a_sealed_input_is_left_to_the_host(interpreter: Any, flow_of: Callable[..., Flow]) -> None:
    """All that is made of it is left too, with the raw input; the state has that alone."""
    given = {
        "method": "get",
        "endpoint": {"uri": "https://a.test/{n}/{a.b}", "authentication": {"use": "named"}},
        "headers": {"a": "${ .k + $context.n }", "b": "text"},
    }
    flow = flow_of({"t": {"call": "http", "with": given, **SEALED}}, use=USE)
    assert interpreter.run(flow, {"n": "1"}, lambda _: 7) == {"got": 7, "was": {"n": "1"}}
    (request,) = interpreter.requests
    assert request.input["headers"] == given["headers"]
    told = request.payload()[MEMBER]
    assert set(told["at"]) == {"/endpoint/authentication/basic", "/headers/a"}
    assert told["templates"] == ["/endpoint/uri"]
    assert (told["data"], told["source"]) == ({"n": "1"}, SEALED["input"]["from"])
    assert told["secrets"] == ["pair", "key"]
    assert set(told["arguments"]) == {"__now", "context"}


def test_a_sealed_input_is_validated_as_it_came(
    interpreter: Any, flow_of: Callable[..., Flow]
) -> None:
    """The schema is of the raw input, which has no secret."""
    flow = flow_of({"t": {"call": "llm", "with": {}, **SEALED}}, use=USE)
    assert interpreter.problem(flow, {}).type.endswith("/validation")
    assert interpreter.requests == []


def test_a_sealed_process(interpreter: Any, flow_of: Callable[..., Flow]) -> None:
    """A process to run is a call like any other; without an expression its input is made too."""
    sealed = {**SEALED, "output": {"as": "$task.input"}}
    shell = {"run": {"shell": {"command": "ls", "stdin": "${ .k }"}}, **sealed}
    bare = {"run": {"shell": {"command": "ls"}}, **sealed}
    interpreter.run(flow_of({"s": shell}, {"b": bare}, use=USE), {"n": 1}, lambda _: None)
    first, second = (each.payload()[MEMBER] for each in interpreter.requests)
    assert (first["at"], second["at"]) == (["/stdin"], [])
    assert first["source"] == second["source"] == SEALED["input"]["from"]


def test_the_member_is_no_argument(interpreter: Any, flow_of: Callable[..., Flow]) -> None:
    """A definition that has the member itself is refused, whatever let it through."""
    flow = flow_of({"t": {"call": "llm", "with": {MEMBER: "${ . }"}}}, use=USE)
    interpreter.run(flow, {"at": []}, lambda _: None)
    with pytest.raises(ToolError, match="choose another"):
        interpreter.requests[0].payload()


@pytest.mark.parametrize(
    ("program", "names"),
    [
        ("$secrets.a", {"a"}),
        ('$secrets["a b"].c + $secrets.d', {"a b", "d"}),
        ('$secrets."a"', {"a"}),
        ("$secrets[.name]", None),
        ('$secrets["\\(.name)"]', None),
    ],
)
def test_the_names_that_a_program_takes(program: str, names: set[str] | None) -> None:
    """Names are read where they stand; a name that is computed may be any."""
    assert secret_names(program) == names


def test_what_is_late() -> None:
    """A program is, that takes secrets or the authorization from outside; its text is not."""
    assert late("$secrets.a + $authorization.scheme") == {"secrets", "authorization"}
    assert not late('"$secrets" | .secrets')
    assert not late(". as $secrets | $secrets")
    assert late(whole('a"b').removeprefix("${").removesuffix("}")) == {"secrets"}
