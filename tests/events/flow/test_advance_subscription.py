"""What `call: asyncapi` does for each message of a subscription, and in how many calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from events.errors import ErrorType, Problem
from events.flow.advance import Bounds
from tests.events.flow.conftest import NEVER

if TYPE_CHECKING:
    from collections.abc import Callable

    from events.flow.effects import TaskRequest
    from events.flow.syntax import Flow

Json = Any
DOCUMENT: Json = {"endpoint": "https://x.test/asyncapi.json"}


def hear(foreach: Json, consume: Json = None, **more: Json) -> Json:
    """Return a flow's task that subscribes."""
    subscription = {"consume": consume or {"amount": 3}, "foreach": foreach}
    given = {"document": DOCUMENT, "operation": "hear", "subscription": subscription}
    return {"h": {"call": "asyncapi", "with": given, **more}}


def message(number: int) -> Json:
    """Return a message as the tool gives it."""
    return {"payload": {"n": number}, "headers": {}}


class Tool:
    """Answers subscriptions with what it is told, and every other call with its input."""

    def __init__(self, *answers: Json | Problem) -> None:
        self.answers, self.asked = list(answers), list[Json]()

    def __call__(self, request: TaskRequest) -> Json | Problem:
        if request.function != "asyncapi":
            return request.input
        self.asked.append((request.instance, request.input["subscription"]))
        return self.answers.pop(0)


def came(*numbers: int, over: bool = True, seconds: float = 1, error: Json = None) -> Json:
    """Return what one call of the tool has consumed."""
    messages = [message(each) for each in numbers]
    return {"messages": messages, "over": over, "seconds": seconds, "error": error}


def test_one_message_after_the_other(interpreter: Any, flow_of: Callable[..., Flow]) -> None:
    """Each has its item, its index, its output and its export; the tool is not told of the rest."""
    foreach = {
        "item": "seen",
        "at": "i",
        "do": [{"ask": {"call": "tool", "with": {"n": "${ $seen.payload.n }", "i": "${ $i }"}}}],
        "output": {"as": "{got: ., of: $seen.payload.n}"},
        "export": {"as": "{all: (($context.all // []) + [$output.of])}"},
    }
    tool = Tool(came(7, 8, 9))
    found = interpreter.run(flow_of(hear(foreach)), {}, tool)
    assert found == [{"got": {"n": 7 + n, "i": n}, "of": 7 + n} for n in range(3)]
    assert interpreter.steps[-1].state["context"] == {"all": [7, 8, 9]}
    none = {"messages": [], "seconds": 0}
    assert tool.asked == [("/do/0/h#1", {"consume": {"amount": 3}, "after": none})]


def test_a_subscription_goes_on_in_another_call(
    interpreter: Any, flow_of: Callable[..., Flow]
) -> None:
    """The tool is told what was consumed before; a call may have brought nothing."""
    foreach = {"do": [{"s": {"set": "${ .payload.n + $index }"}}]}
    tool = Tool(came(1, over=False), came(over=False, seconds=5), came(2, 3, seconds=7))
    flow = flow_of(hear(foreach, {"until": "${ length == 3 }"}))
    assert interpreter.run(flow, {}, tool) == [1, 3, 5]
    afters = [(instance, given["after"]) for instance, given in tool.asked]
    first = {"messages": [message(1)]}
    assert afters == [
        ("/do/0/h#1", {"messages": [], "seconds": 0}),
        ("/do/0/h#2", {**first, "seconds": 1}),
        ("/do/0/h#3", {**first, "seconds": 5}),
    ]


def test_without_tasks(interpreter: Any, flow_of: Callable[..., Flow]) -> None:
    """An iterator may transform alone; of no messages nothing comes."""
    flow = flow_of(hear({"output": {"as": ".payload.n * 2"}}))
    assert interpreter.run(flow, {}, Tool(came(1, 2))) == [2, 4]
    assert interpreter.run(flow, {}, Tool(came())) == []


@pytest.mark.parametrize(("then", "expected"), [("exit", [1, 2]), ("end", 1)])
def test_directives(
    interpreter: Any, flow_of: Callable[..., Flow], then: str, expected: Json
) -> None:
    """`exit` ends the iteration, `end` the flow."""
    do = [{"s": {"set": "${ .payload.n }", "then": then}}, {"never": {"set": {"x": 1}}}]
    assert interpreter.run(flow_of(hear({"do": do})), {}, Tool(came(1, 2))) == expected


def test_the_error_comes_after_the_messages(interpreter: Any, flow_of: Callable[..., Flow]) -> None:
    """Tasks are done for what came before the stream ended; then it is the task's error."""
    broken = Problem(ErrorType.COMMUNICATION, 500, "Broken", "it ended")
    do = [
        {
            "out": {
                "emit": {
                    "event": {"with": {"source": "https://x.test", "type": "t", "data": "${ . }"}}
                }
            }
        }
    ]
    tool = Tool(came(1, 2, over=False, error=broken.to_json()))
    problem = interpreter.problem(flow_of(hear({"do": do})), {}, tool)
    assert (problem.detail, problem.instance) == ("it ended", "/do/0/h")
    assert [each.data for each in interpreter.emissions] == [message(1), message(2)]
    faulted = [each.reference for each in interpreter.records if each.kind == "task.faulted"]
    assert faulted == ["/do/0/h"]


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([Problem(ErrorType.TIMEOUT, 408, "Timeout", "too long")], "too long"),
        ([came(1, over=False), Problem(ErrorType.TIMEOUT, 408, "Timeout", "too long")], "too long"),
        ([[message(1)]], "did not give `messages`"),
        ([{"messages": [], "seconds": 0}], "did not give `messages`"),
    ],
)
def test_an_error_of_the_tool_is_the_tasks(
    interpreter: Any, flow_of: Callable[..., Flow], answers: list[Json], reason: str
) -> None:
    """It can be caught, at every call; so can an answer that is none."""
    caught = {"try": [hear({})], "catch": {"do": [{"s": {"set": "${ $error }"}}]}}
    found = interpreter.run(flow_of({"t": caught}), {}, Tool(*answers))
    assert reason in found["detail"]
    assert found["instance"] == "/do/0/t/try/0/h"


@pytest.mark.parametrize("answers", [[NEVER], [came(1, over=False), NEVER], [came(1)]])
def test_a_timeout_ends_it(
    interpreter: Any, flow_of: Callable[..., Flow], answers: list[Json]
) -> None:
    """While messages are consumed, in every call, and while tasks are done; nothing stays open."""
    slow = len(answers) == 1 and answers[0] is not NEVER
    do = [{"w": {"wait": {"minutes": 1 if slow else 0}}}]
    flow = flow_of(hear({"do": do}, timeout={"after": {"seconds": 30}}))
    problem = interpreter.problem(flow, {}, Tool(*answers))
    assert (problem.type, problem.instance) == (ErrorType.TIMEOUT, "/do/0/h")


def test_calls_have_an_end(interpreter: Any, flow_of: Callable[..., Flow]) -> None:
    """A tool that never says that it is over is asked as often as a flow may do tasks."""
    interpreter.bounds = Bounds(steps=5)
    tool = Tool(*[came(over=False)] * 9)
    problem = interpreter.problem(flow_of(hear({})), {}, tool)
    assert (problem.title, problem.instance) == ("Endless loop", "/do/0/h")
    assert len(tool.asked) == 5


def test_in_the_branches_of_a_fork(interpreter: Any, flow_of: Callable[..., Flow]) -> None:
    """Each subscription has calls and messages of its own, in its scope."""
    branches = [{name: hear({"do": [{"s": {"set": "${ . }"}}]})["h"]} for name in ("x", "y")]
    tool = Tool(came(1, over=False), came(2, over=False), came(3), came(4))
    found = interpreter.run(flow_of({"f": {"fork": {"branches": branches}}}), {}, tool)
    assert [[each["payload"]["n"] for each in one] for one in found] == [[1, 3], [2, 4]]
    assert len({instance for instance, _ in tool.asked}) == 4
