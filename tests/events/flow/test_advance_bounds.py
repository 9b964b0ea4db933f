"""What `advance` refuses: loops without an end, signals nobody waits for, foreign states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from events.errors import ErrorType, Problem
from events.flow.advance import Bounds, StaleSignal, TooWide, UnknownMachine, advance
from events.flow.advance.table import ALWAYS, RUN, TRANSITIONS
from events.flow.signals import Start, TaskCompleted, TaskFaulted
from events.flow.steps import Facts, Running, ScopeFaulted, State, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from events.flow.syntax import Flow

PROBLEM = Problem(ErrorType.RUNTIME, 500, "Broken")


def untouched(program: str, data: Any, arguments: Mapping[str, Any]) -> Any:  # noqa: ARG001 - the protocol's names
    """Evaluate every program to its data."""
    return data


def follow(
    flow: Flow, state: State | None, signal: Any, facts: Facts, bounds: Bounds | None = None
) -> Step:
    """Advance without jq."""
    return advance(flow, state, signal, facts, untouched, bounds or Bounds())


@pytest.fixture
def facts() -> Facts:
    """The facts of a run that began just now."""
    from datetime import UTC, datetime

    return Facts("run-1", 1, datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture
def waiting(flow_of: Callable[..., Flow], facts: Facts) -> tuple[Flow, State]:
    """A flow that waits for the first of two calls."""
    flow = flow_of({"a": {"call": "x"}}, {"b": {"call": "x"}})
    return flow, follow(flow, None, Start(), facts).state


def test_a_loop_without_end_ends_what_it_is_in(flow_of: Callable[..., Flow], facts: Facts) -> None:
    """Every task that has begun has an end in the history, though no `try` goes on from there."""
    loop = {"a": {"set": {"n": 1}, "then": "a"}}
    flow = flow_of({"t": {"try": [{"outer": {"do": [loop]}}], "catch": {}}})
    step = follow(flow, None, Start(), facts, Bounds(pure=6))
    assert isinstance(step.status, ScopeFaulted)
    begun = [each.instance for each in step.records if each.kind == "task.started"]
    ended = {each.instance: each.kind for each in step.records if each.kind != "task.started"}
    assert ended == dict.fromkeys(begun, "task.completed") | {
        "/do/0/t#1": "task.faulted",
        "/do/0/t/try/0/outer#1": "task.faulted",
    }


def test_an_if_that_fails_begins_its_task(flow_of: Callable[..., Flow], interpreter: Any) -> None:
    """Its error is the task's own, so the task is begun when it ends by it."""
    interpreter.problem(flow_of({"a": {"if": "${ 1 / 0 }", "set": {"n": 1}}}))
    assert [each.kind for each in interpreter.records] == ["task.started", "task.faulted"]


@pytest.mark.parametrize(
    "tasks",
    [
        [{"a": {"set": {"x": 1}, "then": "b"}}, {"b": {"set": {"x": 1}, "then": "a"}}],
        [{"a": {"switch": [{"on": {"then": "a"}}]}}],
        [{"a": {"if": "no", "set": {"x": 1}}}, {"b": {"do": [], "then": "a"}}],
    ],
)
def test_a_loop_without_waiting_faults_the_run(
    flow_of: Callable[..., Flow], facts: Facts, tasks: list[Any]
) -> None:
    """Going round without ever waiting is a runtime fault that names a task of the loop."""
    step = follow(flow_of(*tasks), None, Start(), facts)
    assert isinstance(step.status, ScopeFaulted)
    assert step.status.problem.type == ErrorType.RUNTIME
    assert "more than 10000 tasks without waiting" in str(step.status.problem.detail)
    assert "the loop around /do/" in str(step.status.problem.detail)


def test_no_catch_keeps_an_endless_loop_alive(flow_of: Callable[..., Flow], facts: Facts) -> None:
    """The fault of a loop is not caught: the handler would go on looping."""
    spin = {"spin": {"set": {"x": 1}, "then": "spin"}}
    trying = {"try": [spin], "catch": {"do": [spin]}, "then": "t"}
    step = follow(flow_of({"t": trying}), None, Start(), facts, Bounds(pure=50))
    assert isinstance(step.status, ScopeFaulted)
    assert step.state["frames"] == []


def test_a_long_for_is_named(flow_of: Callable[..., Flow], facts: Facts) -> None:
    """A `for` over too many items is the loop that is named."""
    loop = {"for": {"in": "items"}, "do": [{"a": {"set": {"x": 1}}}]}
    items = Facts(facts.run_id, list(range(60)), facts.started_at, facts.now)
    step = follow(flow_of({"l": loop}), None, Start(), items, Bounds(pure=50))
    assert isinstance(step.status, ScopeFaulted)
    assert "the loop around /do/0/l" in str(step.status.problem.detail)


def test_a_loop_that_waits_is_bounded_by_the_run(
    flow_of: Callable[..., Flow], facts: Facts
) -> None:
    """A loop that waits each time faults when the run took too many tasks in all."""
    flow, bounds = flow_of({"a": {"call": "x", "then": "a"}}), Bounds(steps=20)
    step = follow(flow, None, Start(), facts, bounds)
    for visit in range(1, 21):
        assert step.requests[0].instance == f"/do/0/a#{visit}"
        step = follow(flow, step.state, TaskCompleted(f"/do/0/a#{visit}", 1), facts, bounds)
    assert isinstance(step.status, ScopeFaulted)
    assert "more than 20 tasks in all" in str(step.status.problem.detail)


@pytest.mark.parametrize("instance", ["/do/1/b#1", "/do/0/a#2", "/do/0/a", ""])
def test_signals_for_other_instances_are_stale(
    waiting: tuple[Flow, State], facts: Facts, instance: str
) -> None:
    """Only the instance that is waited for can be answered, well or badly."""
    flow, state = waiting
    for signal in (TaskCompleted(instance, 1), TaskFaulted(instance, PROBLEM)):
        with pytest.raises(StaleSignal, match="does not wait"):
            follow(flow, state, signal, facts)


def test_an_answer_counts_once(waiting: tuple[Flow, State], facts: Facts) -> None:
    """The same answer on the state after it is stale, and so is one for a run that ended."""
    flow, state = waiting
    answer = TaskCompleted("/do/0/a#1", 1)
    step = follow(flow, state, answer, facts)
    assert isinstance(step.status, Running)
    with pytest.raises(StaleSignal):
        follow(flow, step.state, answer, facts)
    ended = follow(flow, step.state, TaskFaulted("/do/1/b#1", PROBLEM), facts)
    assert ended.status == ScopeFaulted(PROBLEM.at("/do/1/b"))
    with pytest.raises(StaleSignal):
        follow(flow, ended.state, TaskFaulted("/do/1/b#1", PROBLEM), facts)


def test_a_run_starts_once(waiting: tuple[Flow, State], facts: Facts) -> None:
    """Start is stale when there is a state, and every other signal when there is none."""
    flow, state = waiting
    with pytest.raises(StaleSignal, match="started already"):
        follow(flow, state, Start(), facts)
    with pytest.raises(StaleSignal):
        follow(flow, None, TaskCompleted("/do/0/a#1", 1), facts)


def test_another_machines_state_is_refused(waiting: tuple[Flow, State], facts: Facts) -> None:
    """A state of another machine version is left alone."""
    flow, state = waiting
    with pytest.raises(UnknownMachine, match="machine 2"):
        follow(flow, {**state, "machine": 2}, TaskCompleted("/do/0/a#1", 1), facts)


def test_the_state_is_small(waiting: tuple[Flow, State]) -> None:
    """A state has nothing but where the run stands; an input that was not transformed once."""
    _, state = waiting
    assert state == {
        "machine": 1,
        "context": {},
        "visits": {"/do/0/a": 1},
        "steps": 1,
        "frames": [
            {"kind": "flow"},
            {"kind": "sequence", "reference": "/do", "local": {"index": 0}},
            {
                "kind": "call",
                "reference": "/do/0/a",
                "instance": "/do/0/a#1",
                "started": "2026-01-01T00:00:00+00:00",
                "raw": 1,
                "same": True,
            },
        ],
    }


def test_the_table_is_the_whole_machine() -> None:
    """Every transition is documented, and every kind of task that can begin is listed as such."""
    assert all(each.__doc__ for each in [*TRANSITIONS.values(), *ALWAYS.values()])
    kinds = {"do", "for", "try", "set", "switch", "raise", "emit", "call", "wait", "fork", "listen"}
    assert kinds | {"run"} == RUN


def test_a_fork_wider_than_there_is_time_for_is_refused(
    flow_of: Callable[..., Flow], facts: Facts
) -> None:
    """A host that has little time finds so before a branch has begun, wherever the fork is."""
    branches = [{name: {"call": "x"}} for name in "abc"]
    flow = flow_of({"d": {"do": [{"f": {"fork": {"branches": branches}}}]}})
    with pytest.raises(TooWide):
        follow(flow, None, Start(), facts, Bounds(branches=2))
    assert len(follow(flow, None, Start(), facts, Bounds(branches=3)).branches) == 3
