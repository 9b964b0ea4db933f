"""A tiny interpreter for tests: it answers what `advance` asks for, and distrusts every step."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from events.errors import Problem
from events.flow.advance import Bounds
from events.flow.rehearsal.stage import Answer, Stage
from events.flow.steps import (
    Evaluate,
    Record,
    Running,
    ScopeCompleted,
    ScopeFaulted,
    State,
    Step,
    Surroundings,
)
from events.flow.syntax import Flow
from functions.host.jq import EvaluationLimits, JqPool

if TYPE_CHECKING:
    from events.flow.effects import ApprovalRequest, ChildRequest, EventEmission, TaskRequest
    from events.flow.signals import Signal

Json = Any
Giving = Callable[[Any], Json | Problem]
"""What becomes of a TaskRequest or a ChildRequest."""

NEVER = object()
BEGAN = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)


@dataclass
class Distrustful(Stage):
    """A stage that computes every step twice, through JSON, and looks at what it leaves."""

    steps: list[Step] = field(default_factory=list)

    def step(self, state: State | None, signal: Signal) -> Step:
        """Advance once, through JSON, and once more to see that nothing depends on anything."""
        state = orjson.loads(orjson.dumps(state))
        self.shared = {name: _through_json(each) for name, each in self.shared.items()}
        before = copy.deepcopy((state, signal, self.shared))
        step = super().step(state, signal)
        assert (state, signal, self.shared) == before, "advance changed its arguments"
        assert super().step(state, signal) == step
        self.steps.append(step)
        opened = {each.instance for each in step.requests} | {t.instance for t in step.timers}
        opened |= {each.instance for each in step.subscriptions}
        opened |= {each.instance for each in step.children}
        opened |= {each.instance for each in step.approvals}
        assert not self.open.keys() & opened
        if not isinstance(step.status, Running) and step.branch is None:
            left = set(self.open) - {*step.closes, *step.deaf}
            shut = [each.scope[: -len(str(each.index))] for each in step.shuts]
            left -= {n for n in left if self.open[n].startswith(tuple(shut))}
            assert not left, f"the run ended and left {left} open"
        return step


@dataclass
class Interpreter:
    """Drives one flow to its end; after it, everything that happened is in its fields."""

    evaluate: Evaluate
    bounds: Bounds = field(default_factory=Bounds)
    luck: Callable[[str], float] = field(default=lambda _: 0.0)
    """Which of the things that happen at the same moment happens first."""
    steps: list[Step] = field(default_factory=list)
    requests: list[TaskRequest] = field(default_factory=list)
    emissions: list[EventEmission] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    events: list[tuple[float, Json]] = field(default_factory=list)
    """What comes from outside: seconds after the start, and the event."""
    person: Callable[[ApprovalRequest], Answer] | None = None
    """Answers what people are asked; nobody does where it is not said."""
    now: datetime = BEGAN

    def run(self, flow: Flow, data: Json = None, answer: Giving | None = None) -> Json:
        """Return the flow's output; fails the test when it faults."""
        status = self.status(flow, data, answer)
        assert isinstance(status, ScopeCompleted), status
        return status.output

    def problem(self, flow: Flow, data: Json = None, answer: Giving | None = None) -> Problem:
        """Return the error the flow ends with; fails the test when it completes."""
        status = self.status(flow, data, answer)
        assert isinstance(status, ScopeFaulted), status
        return status.problem

    def status(
        self, flow: Flow, data: Json, answer: Giving | None = None
    ) -> ScopeCompleted | ScopeFaulted:
        """Return how the flow ended, each request answered by `answer` a second later.

        An answer of NEVER does not come. Time passes until the first timer or answer is due.
        """

        def given(request: TaskRequest | ChildRequest) -> Answer:
            assert answer is not None, request
            return _answered(answer(request))

        stage = Distrustful(flow, self.evaluate, given, data, "run-1", BEGAN)
        stage.child = given
        stage.person = self.person or stage.person
        stage.bounds, stage.order = self.bounds, self.luck
        stage.events = [(BEGAN + timedelta(seconds=at), event) for at, event in self.events]
        try:
            status = stage.play()
        finally:
            self.steps += stage.steps
            self.requests += stage.requests
            self.emissions += stage.emissions
            self.records += stage.records
            self.now = stage.now
        assert not isinstance(status, Running), f"nothing ever happens to {stage.open}"
        return status

    def order(self) -> list[str]:
        """Return the names of the tasks as they were started."""
        started = [each for each in self.records if each.kind == "task.started"]
        return [each.reference.rsplit("/", 1)[-1] for each in started]


def _through_json(around: Surroundings) -> Surroundings:
    return Surroundings(**orjson.loads(orjson.dumps(around)))


def _answered(result: Json | Problem) -> Answer:
    if isinstance(result, Problem):
        return Answer(problem=result, takes=timedelta(seconds=1))
    return Answer(result, takes=timedelta(seconds=1), never=result is NEVER)


@pytest.fixture(scope="session")
def jq() -> Iterator[JqPool]:
    """A real jq worker for the whole session."""
    pool = JqPool(EvaluationLimits(seconds=5.0))
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
