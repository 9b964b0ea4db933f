"""What a line of a run's history is told by, and which tasks a line about many is about."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given, note, settings
from hypothesis import strategies as st

from events.flow.advance import Bounds
from events.flow.rehearsal.stage import BEGAN, Stage
from events.flow.steps import Running, ScopeCompleted
from events.flow.syntax import Flow
from functions.flow.standing import concerned
from functions.flow.tidings import TASKS, WORKFLOWS, lifecycle_events
from functions.host.ledger.rows.history import Entry, Line
from tests.events.flow.test_advance_random import of_child, of_tool
from tests.support.lifecycles import odd_ends
from tests.support.random_flows import EVENTS, evaluate, flow

if TYPE_CHECKING:
    from random import Random


def entries(*lines: str) -> list[Entry]:
    """Read `kind instance` lines."""
    read = [line.partition(" ") for line in lines]
    return [Entry(kind, 0.0, instance.partition("#")[0], instance) for kind, _, instance in read]


A, B, FORK = "/do/0/a#1", "/do/1/b#1", "/do/2/f#1"
IN_0, IN_1 = f"/do/2/f/fork/branches/0/x#1@{FORK}/0", f"/do/2/f/fork/branches/1/y#1@{FORK}/1"
NESTED = f"/do/2/f/fork/branches/0/x/do/0/g#1@{FORK}/0"
DEEP = f"/deep#1@{FORK}/0|/do/2/f/fork/branches/0/x/do/0/g#1/0"
AGAIN = "/do/2/f#2"


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        (["task.started " + A, "task.completed " + A, "task.started " + B, "run.suspended"], [B]),
        (["task.started " + A, "task.faulted " + A, "run.cancelled"], []),
        (["task.started " + A, "task.cancelled " + A, "run.cancelled"], []),
        (["task.started " + A, "task.started " + B, "run.suspended", "run.resumed"], [A, B]),
        (
            [
                "task.started " + FORK, "task.started " + IN_0, "task.started " + IN_1,
                "task.completed " + IN_1, "branches.cancelled " + FORK,
            ],
            [IN_0],
        ),
        (
            [
                "task.started " + A, "task.started " + FORK, "task.started " + IN_0,
                "task.started " + NESTED, "task.started " + DEEP, "branches.cancelled " + FORK,
            ],
            [IN_0, NESTED, DEEP],
        ),
        (
            [
                "task.started " + IN_0, "task.started " + NESTED, "task.started " + DEEP,
                "branches.cancelled " + NESTED,
            ],
            [DEEP],
        ),
        (
            ["task.started " + FORK, "task.started " + IN_0, "branches.cancelled " + FORK,
             "run.cancelled"],
            [FORK],
        ),
        (["task.started " + AGAIN, "task.started " + IN_0, "branches.cancelled " + AGAIN], []),
        (
            ["task.started /do/0/t#1", "task.started /do/0/t/try/0/x#1",
             "task.faulted /do/0/t/try/0/x#1", "task.faulted /do/0/t#1", "run.faulted",
             "redriven /do/0/t/try/0/x#1", "run.suspended"],
            ["/do/0/t/try/0/x#1", "/do/0/t#1"],
        ),
        (
            ["task.started /do/0/t#1", "task.started /do/0/t/try/0/x#1",
             "task.faulted /do/0/t/try/0/x#1", "task.caught /do/0/t#1", "task.completed /do/0/t#1",
             "task.started " + A, "task.faulted " + A, "run.faulted", "redriven " + A],
            [A],
        ),
        (
            ["task.started " + FORK, "task.started " + IN_0, "task.started " + IN_1,
             "task.faulted " + IN_0, "branches.cancelled " + FORK, "task.faulted " + FORK,
             "run.faulted", "redriven " + IN_0],
            [IN_0, FORK, IN_1],
        ),
        (
            ["task.started /do/0/c#1", "task.started /use/functions/f/do/0/x#1",
             "task.faulted /use/functions/f/do/0/x#1", "task.faulted /do/0/c#1", "run.faulted",
             "redriven /use/functions/f/do/0/x#1"],
            ["/use/functions/f/do/0/x#1", "/do/0/c#1"],
        ),
        (
            ["task.started " + FORK, "task.started " + IN_0, "task.started " + IN_1,
             "task.faulted " + IN_0, "run.faulted", "redriven " + IN_1],
            [FORK, IN_1],
        ),
        (["task.started " + A, "task.started " + B, "task.completed " + B, "run.faulted"], [A]),
        (["task.started " + A, "run.suspended", "task.completed " + A], []),
    ],
    ids=["ended", "faulted", "cut off", "resumed", "branch", "nested", "inner", "fork itself",
         "other visit", "redriven", "caught before", "branches again", "function", "collected",
         "run faulted", "other line"],
)  # fmt: skip
def test_a_line_is_about_what_was_open(history: list[str], expected: list[str]) -> None:
    """Created and not ended, in a fork's branches only where the line is about that fork."""
    assert [instance for _, instance in concerned(entries(*history))] == expected


def names(kind: str, detail: dict[str, Any] | None = None, *, statuses: bool = False) -> list[str]:
    """Return what a line is told by."""
    entry = Entry(kind, 1.0, "/do/0/a", "/do/0/a#1", detail or {})
    line = Line("r1", "shop", "order", "1.0.0", "0" * 32, None, 7, entry)
    open_tasks = [("/do/0/a", "/do/0/a#1"), ("/do/1/b", "/do/1/b#1")]
    events = lifecycle_events(line, open_tasks, tasks=True, statuses=statuses)
    assert [event.get("sequence") for event in events] == [
        f"00000007-{number:04d}" for number in range(len(events))
    ]
    return [event.type.split(".", 2)[2].removesuffix(".v1") for event in events]


PROBLEM = {"problem": {"type": "https://example.com/no", "title": "No", "status": 418}}


@pytest.mark.parametrize(
    ("kind", "detail", "expected"),
    [
        ("run.faulted", PROBLEM, ["task.faulted", "task.faulted", "workflow.faulted"]),
        ("redriven", {}, ["workflow.resumed", "task.retried", "task.resumed"]),
        ("task.listening", {}, ["workflow.correlation-started"]),
        ("task.correlated", {"keys": {"order": 1}}, ["workflow.correlation-completed"]),
        ("task.started", {"pending": True}, ["task.created"]),
        ("task.started", {}, ["task.created", "task.started"]),
        ("task.claimed", {"attempt": 1}, ["task.started"]),
        ("task.claimed", {"attempt": 1, "claims": 2}, []),
        ("task.claimed", {"attempt": 2}, []),
        ("task.retrying", {}, ["task.retried"]),
        ("task.caught", PROBLEM, []),
    ],
)
def test_a_line_is_told_by_its_events(
    kind: str, detail: dict[str, Any], expected: list[str]
) -> None:
    """A claim after a lost one starts nothing again; what is nobody's business is not told."""
    assert names(kind, detail) == expected


def test_the_correlation_keys_are_told() -> None:
    """They travel with the end of the correlation, where there are any."""
    entry = Entry("task.correlated", 1.0, "/do/0/a", "/do/0/a#1", {"keys": {"order": "a1"}})
    line = Line("r1", "shop", "order", "1.0.0", "0" * 32, None, 7, entry)
    [event] = lifecycle_events(line, [], tasks=False, statuses=False)
    assert event.json()["correlationKeys"] == {"order": "a1"}
    [event] = lifecycle_events(
        Line("r1", "shop", "order", "1.0.0", "0" * 32, None, 7, Entry("task.correlated", 1.0)),
        [], tasks=False, statuses=False,
    )  # fmt: skip
    assert "correlationKeys" not in event.json()


def test_a_waiting_task_is_told_by_its_phase_alone() -> None:
    """Where statuses are wanted, a wait and a listen bring the phase `waiting`."""
    assert names("task.waiting") == []
    assert names("task.waiting", statuses=True) == ["task.status-changed"]
    assert names("task.listening", statuses=True) == [
        "workflow.correlation-started",
        "task.status-changed",
    ]


def test_every_kind_that_is_read_can_be_told() -> None:
    """None of the kinds of lines that the herald asks for is without an event."""
    silent = {
        kind
        for kind in (*WORKFLOWS, *TASKS)
        if not lifecycle_events(
            Line("r1", "a", "b", "1.0.0", "0" * 32, None, 1, Entry(kind, 1.0, "/a", "/a#1",
                 PROBLEM | {"attempt": 1})),
            [("/a", "/a#1")], tasks=True, statuses=True,
        )
    }  # fmt: skip
    assert silent == set()


@settings(max_examples=150, deadline=None)
@given(
    size=st.integers(0, 8),
    random=st.randoms(use_true_random=True),
    pure=st.sampled_from([2, 5, 10_000]),
)
def test_every_task_ends_once(size: int, random: Random, pure: int) -> None:
    """Whatever a flow does, and however it ends: what is told created ends once, and at last."""
    tasks = flow(random, size)
    note(str(tasks))
    document = {"dsl": "1.0.3", "namespace": "test", "name": "case", "version": "1.0.0"}
    made = Flow.model_validate({"document": document, "do": tasks})
    stage = Stage(made, evaluate, of_tool, {"n": random.randint(0, 9)}, bounds=Bounds(pure=pure))
    stage.child, stage.order = of_child, defaultdict[str, float](random.random).__getitem__
    stage.events = [(BEGAN, event) for event in EVENTS]
    status = stage.play()
    assume(not isinstance(status, Running))
    records = [Entry(r.kind, 1.0, r.reference, r.instance, r.detail) for r in stage.records]
    done = isinstance(status, ScopeCompleted)
    end = Entry("run.completed" if done else "run.faulted", 1.0, detail=PROBLEM)
    assert odd_ends([Entry("run.started", 1.0), *records, end]) == {}
