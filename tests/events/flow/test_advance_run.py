"""`run`: what a process is asked with, and what its answer becomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from events.errors import ErrorType, Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from events.flow.syntax import Flow

SCRIPT = {
    "language": "js",
    "source": {"endpoint": "https://x.test/{name}.js"},
    "arguments": ["${ .name }", "$1"],
    "environment": {"A": "${ .n }"},
    "stdin": "${ {n} }",
}
SHELL = {"command": 'echo "$1" ${HOME}', "arguments": ["${ .name }"]}


def test_a_process_is_asked_of_the_tool_of_its_name(
    interpreter: Any, flow_of: Callable[..., Flow]
) -> None:
    """The request has the arguments resolved, the source's URI expanded, `return` and `await`."""
    flow = flow_of({"r": {"run": {"script": SCRIPT, "return": "all"}}})
    output = interpreter.run(flow, {"name": "a b", "n": 1}, lambda _: {"code": 3})
    (asked,) = interpreter.requests
    assert output == {"code": 3}
    assert (asked.function, asked.version) == ("script", "")
    assert asked.input == {
        "language": "js",
        "source": {"endpoint": {"uri": "https://x.test/a%20b.js"}},
        "arguments": ["a b", "$1"],
        "environment": {"A": 1},
        "stdin": {"n": 1},
        "return": "all",
    }


def test_what_is_not_awaited_gives_its_input(
    interpreter: Any, flow_of: Callable[..., Flow]
) -> None:
    """`await: false` goes on with the task's transformed input, whatever the tool answers."""
    task = {"input": {"from": ".inner"}, "run": {"shell": SHELL, "await": False}}
    output = interpreter.run(flow_of({"r": task}), {"inner": {"name": "x"}}, lambda _: None)
    assert output == {"name": "x"}
    assert interpreter.requests[0].input == {
        "command": 'echo "$1" ${HOME}',
        "arguments": ["x"],
        "await": False,
    }


def test_a_container_has_a_name_of_its_own(interpreter: Any, flow_of: Callable[..., Flow]) -> None:
    """The name is the reference's, the same at each attempt, another at each visit."""
    names: list[str] = []
    for given in ({}, {"name": "${ .given }"}):
        loop = {
            "for": {"in": "[1, 2]"},
            "do": [{"a b": {"run": {"container": {"image": "i", **given}}}}],
        }
        for _ in range(2):
            interpreter.run(flow_of({"l": loop}), {"given": "mine"}, lambda _: {"given": "mine"})
    names = [each.input["name"] for each in interpreter.requests]
    assert names[:2] == names[2:4]
    assert names[0] != names[1]
    assert names[0].endswith("-a-b")
    assert names[4:] == ["mine"] * 4


@pytest.mark.parametrize("kind", ["container", "script", "shell"])
def test_a_process_that_fails_can_be_caught(
    interpreter: Any, flow_of: Callable[..., Flow], kind: str
) -> None:
    """A fault of the tool is the task's, at its place."""
    inside = {"container": {"image": "i"}, "script": {"language": "js", "code": "x"}}
    task = {"run": {kind: inside.get(kind, SHELL)}}
    caught = {
        "try": [{"r": task}],
        "catch": {"as": "e", "do": [{"s": {"set": {"at": "${ $e.instance }"}}}]},
    }
    fault = Problem(ErrorType.RUNTIME, 500, "The process failed")
    assert interpreter.run(flow_of({"t": caught}), {}, lambda _: fault) == {"at": "/do/0/t/try/0/r"}
