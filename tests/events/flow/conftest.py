"""A tiny interpreter for tests: it answers what `advance` asks for, and distrusts every step."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from events.errors import Problem
from events.flow.advance import Bounds, advance
from events.flow.steps import (
    Evaluate,
    EventEmission,
    Facts,
    Record,
    Running,
    ScopeCompleted,
    ScopeFaulted,
    Signal,
    Start,
    State,
    Step,
    TaskCompleted,
    TaskFaulted,
    TaskRequest,
    TimerFired,
)
from events.flow.syntax import Flow
from functions.host.jq import JqPool, Limits

Json = Any
Answer = Callable[[TaskRequest], Json | Problem]

NEVER = object()
BEGAN = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)


@dataclass
class Interpreter:
    """Drives one flow to its end; after it, everything that happened is in its fields."""

    evaluate: Evaluate
    bounds: Bounds = field(default_factory=Bounds)
    steps: list[Step] = field(default_factory=list)
    requests: list[TaskRequest] = field(default_factory=list)
    emissions: list[EventEmission] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    open: dict[str, datetime | None] = field(default_factory=dict)
    """What the scope waits for: requests, and timers with the time they are due."""
    now: datetime = BEGAN

    def run(self, flow: Flow, data: Json = None, answer: Answer | None = None) -> Json:
        """Return the flow's output; fails the test when it faults."""
        status = self.status(flow, data, answer)
        assert isinstance(status, ScopeCompleted), status
        return status.output

    def problem(self, flow: Flow, data: Json = None, answer: Answer | None = None) -> Problem:
        """Return the error the flow ends with; fails the test when it completes."""
        status = self.status(flow, data, answer)
        assert isinstance(status, ScopeFaulted), status
        return status.problem

    def status(
        self, flow: Flow, data: Json, answer: Answer | None = None
    ) -> ScopeCompleted | ScopeFaulted:
        """Return how the flow ended, each request answered by `answer` a second later.

        An answer of NEVER does not come. Time passes until the first timer or answer is due.
        """
        signal: Signal = Start()
        state, self.now = None, BEGAN
        answers: dict[str, tuple[datetime, Signal]] = {}
        while True:
            step = self.step(flow, state, signal, Facts("run-1", data, BEGAN, self.now))
            if not isinstance(step.status, Running):
                return step.status
            for request in step.requests:
                assert answer is not None, step.requests
                answers |= _answered(request, answer(request), self.now)
            timers = {name: due for name, due in self.open.items() if due is not None}
            pending = {
                **{name: (due, TimerFired(name)) for name, due in timers.items()},
                **{name: each for name, each in answers.items() if name in self.open},
            }
            assert pending, f"nothing ever happens to {self.open}"
            name = min(pending, key=lambda each: pending[each][0])
            self.now, signal = pending[name]
            del self.open[name]
            state = step.state

    def step(self, flow: Flow, state: State | None, signal: Signal, facts: Facts) -> Step:
        """Advance once, through JSON, and once more to see that nothing depends on anything."""
        state = orjson.loads(orjson.dumps(state))
        before = copy.deepcopy((state, signal, facts))
        step = advance(flow, state, signal, facts, self.evaluate, self.bounds)
        assert (state, signal, facts) == before, "advance changed its arguments"
        assert advance(flow, state, signal, facts, self.evaluate, self.bounds) == step
        self.steps.append(step)
        self.requests += step.requests
        self.emissions += step.emissions
        self.records += step.records
        for name in step.closes:
            del self.open[name]  # a KeyError here: the step closes what nobody opened
        opened = {each.instance: None for each in step.requests}
        opened |= {each.instance: each.due for each in step.timers}  # type: ignore[misc]
        assert not self.open.keys() & opened.keys()
        self.open |= opened
        if not isinstance(step.status, Running):
            assert not self.open, "the scope ended and left something open"
        return step

    def order(self) -> list[str]:
        """Return the names of the tasks as they were started."""
        started = [each for each in self.records if each.kind == "task.started"]
        return [each.reference.rsplit("/", 1)[-1] for each in started]


def _answered(
    request: TaskRequest, result: Json | Problem, now: datetime
) -> dict[str, tuple[datetime, Signal]]:
    if result is NEVER:
        return {}
    kind = TaskFaulted if isinstance(result, Problem) else TaskCompleted
    return {request.instance: (now + timedelta(seconds=1), kind(request.instance, result))}


@pytest.fixture(scope="session")
def jq() -> Iterator[JqPool]:
    """A real jq worker for the whole session."""
    pool = JqPool(Limits(seconds=5.0))
    yield pool
    pool.close()


@pytest.fixture
def interpreter(jq: JqPool) -> Interpreter:
    """An interpreter with real jq."""
    return Interpreter(jq)


@pytest.fixture(scope="session")
def make_interpreter() -> Callable[..., Interpreter]:
    """Make an interpreter with an evaluator and bounds of one's own."""
    return Interpreter


@pytest.fixture(scope="session")
def flow_of() -> Callable[..., Flow]:
    """Make a flow from a list of one-key maps, and what else stands at the top."""

    def make(*tasks: dict[str, Json], **top: Json) -> Flow:
        document = {"dsl": "1.0.3", "namespace": "test", "name": "case", "version": "1.0.0"}
        return Flow.model_validate({"document": document, "do": list(tasks), **top})

    return make
