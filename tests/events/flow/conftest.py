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
)
from events.flow.syntax import Flow
from functions.host.jq import JqPool, Limits

Json = Any
Answer = Callable[[TaskRequest], Json | Problem]

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
        """Return how the flow ended, each request answered by `answer`."""
        state, signal, now = None, Start(), BEGAN
        while True:
            facts = Facts("run-1", data, BEGAN, now)
            step = self.step(flow, state, signal, facts)
            if not isinstance(step.status, Running):
                return step.status
            assert answer is not None, step.requests
            (request,) = step.requests
            result = answer(request)
            faulted = isinstance(result, Problem)
            signal = (TaskFaulted if faulted else TaskCompleted)(request.instance, result)  # type: ignore[assignment]
            state, now = step.state, now + timedelta(seconds=1)

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
        return step

    def order(self) -> list[str]:
        """Return the names of the tasks as they were started."""
        started = [each for each in self.records if each.kind == "task.started"]
        return [each.reference.rsplit("/", 1)[-1] for each in started]


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
