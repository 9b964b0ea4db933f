"""Run a workflow: what the machine asks for, and what it makes of the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from events.errors import ErrorType, Problem
from tests.events.flow.conftest import NEVER

if TYPE_CHECKING:
    from collections.abc import Callable

    from events.flow.effects import ChildRequest
    from events.flow.syntax import Flow

BROKEN = Problem(ErrorType.COMMUNICATION, 502, "Broken", "as it says", "/do/7/deep")


def run(given: Any = None, *, awaited: bool = True, **more: Any) -> dict[str, Any]:
    """Return a task that runs `shop/pay:1.2.0`."""
    flow = {"namespace": "shop", "name": "pay", "version": "1.2.0"}
    if given is not None:
        flow["input"] = given
    return {"run": {"workflow": flow, "await": awaited, **more.pop("process", {})}, **more}


def test_a_run_is_asked_for_and_its_output_is_the_tasks(
    interpreter: Any, flow_of: Callable[..., Flow]
) -> None:
    """The input is resolved on the task's; without one it is the empty object."""
    asked: list[ChildRequest] = []

    def answer(request: ChildRequest) -> Any:
        asked.append(request)
        return {"n": len(asked)}

    flow = flow_of({"a": run({"x": "${ .n }", "y": ".n"})}, {"b": run()})
    assert interpreter.run(flow, {"n": 7}, answer) == {"n": 2}
    first, second = asked
    assert (first.namespace, first.name, first.version) == ("shop", "pay", "1.2.0")
    assert (first.input, first.awaited) == ({"x": 7, "y": ".n"}, True)
    assert second.input == {}


def test_a_run_that_is_not_awaited_leaves_the_input(
    interpreter: Any, flow_of: Callable[..., Flow]
) -> None:
    """The output is the task's transformed input, whatever the start is answered with."""
    task = run({"x": 1}, awaited=False, input={"from": "${ {n: .n} }"})
    assert interpreter.run(flow_of({"a": task}), {"n": 7, "m": 8}, lambda _: "ignored") == {"n": 7}


def test_nothing_may_be_returned(interpreter: Any, flow_of: Callable[..., Flow]) -> None:
    """`return: none` leaves the output out; the other values are about processes."""
    answers = [
        interpreter.run(flow_of({"a": run(process={"return": what})}), {}, lambda _: {"n": 1})
        for what in ("none", "stdout", "all")
    ]
    assert answers == [None, {"n": 1}, {"n": 1}]


@pytest.mark.parametrize("awaited", [True, False])
def test_a_fault_is_the_tasks(
    interpreter: Any, flow_of: Callable[..., Flow], *, awaited: bool
) -> None:
    """An error of the run, or of its start, stands at the task and can be caught."""
    task = run(awaited=awaited)
    problem = interpreter.problem(flow_of({"a": task}), {}, lambda _: BROKEN)
    assert (problem.status, problem.detail, problem.instance) == (502, "as it says", "/do/0/a")
    caught = {"catch": {"errors": {"with": {"status": 502}}, "as": "e", "do": [{"h": HANDLER}]}}
    flow = flow_of({"t": {"try": [{"a": task}], **caught}})
    assert interpreter.run(flow, {}, lambda _: BROKEN) == {"at": "/do/0/t/try/0/a"}


HANDLER = {"set": {"at": "${ $e.instance }"}}


def test_a_timeout_ends_the_wait(interpreter: Any, flow_of: Callable[..., Flow]) -> None:
    """A run that nobody waits for any more is closed, as a call is."""
    slow = run(timeout={"after": "PT5S"})
    flow = flow_of({"t": {"try": [{"a": slow}], "catch": {"do": [{"s": {"set": {"late": True}}}]}}})
    assert interpreter.run(flow, {}, lambda _: NEVER) == {"late": True}
    assert "/do/0/t/try/0/a#1" in interpreter.steps[-1].closes


def test_a_competing_fork_drops_the_slower_run(
    interpreter: Any, flow_of: Callable[..., Flow]
) -> None:
    """One that its own step asked for is never asked for when the fork is over at once."""
    both = [{"slow": run()}, {"fast": {"set": {"n": 1}}}]
    flow = flow_of({"f": {"fork": {"branches": both, "compete": True}}})
    assert interpreter.run(flow, {}, lambda _: NEVER) == {"n": 1}
    assert all(not step.children for step in interpreter.steps)
