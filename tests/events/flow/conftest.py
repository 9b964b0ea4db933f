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
    Branch,
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
    luck: Callable[[str], float] = field(default=lambda _: 0.0)
    """Which of the things that happen at the same moment happens first."""
    open: dict[str, tuple[str, datetime | None]] = field(default_factory=dict)
    """What the run waits for, with its scope: requests, and timers with the time they are due."""
    scopes: dict[str, State] = field(default_factory=dict)
    forks: dict[str, dict[int, Json]] = field(default_factory=dict)
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
        self.now, self.scopes, self.open, self.forks = BEGAN, {}, {}, {}
        answers: dict[str, tuple[datetime, Signal]] = {}
        waiting: list[tuple[str, Signal]] = [("", Start())]
        while True:
            scope, signal = waiting.pop(0) if waiting else self._next(answers)
            facts = Facts("run-1", data, BEGAN, self.now)
            step = self.step(flow, self.scopes.get(scope), signal, facts)
            if not isinstance(step.status, Running) and step.branch is None:
                return step.status
            told = self._told(step)
            waiting += told
            for request in self._requests(step):
                assert answer is not None, step.requests
                answers |= _answered(request, answer(request), self.now)

    def _next(self, answers: dict[str, tuple[datetime, Signal]]) -> tuple[str, Signal]:
        pending = {name: each for name, each in answers.items() if name in self.open}
        for name, (_, due) in self.open.items():
            if due is not None:
                pending[name] = due, TimerFired(name)
        assert pending, f"nothing ever happens to {self.open}"
        name = min(pending, key=lambda each: (pending[each][0], self.luck(each)))
        self.now, signal = pending[name]
        scope, _ = self.open.pop(name)
        return scope, signal

    def _told(self, step: Step) -> list[tuple[str, Signal]]:
        """Keep what a step left, as a ledger would; return what parents of ended forks hear."""
        own = step.branch.scope if step.branch else ""
        for name in step.closes:
            del self.open[name]  # a KeyError here: the step closes what nobody opened
        for shut in step.shuts:
            self._shut(shut)
        opened = {each.instance: (own, None) for each in step.requests}
        opened |= {each.instance: (own, each.due) for each in step.timers}  # type: ignore[misc]
        assert not self.open.keys() & opened.keys()
        self.open |= opened
        if isinstance(step.status, ScopeFaulted):
            self.scopes.setdefault(own, step.state)
        else:
            self.scopes[own] = step.state
        told: list[tuple[str, Signal]] = []
        for inner in step.branches:
            assert inner.branch
            self.forks.setdefault(inner.branch.fork, {})[inner.branch.index] = NEVER
        for inner in step.branches:
            told += self._told(inner)
        if step.branch and not isinstance(step.status, Running):
            told += self._joined(step.branch, step.status)
        return told

    def _joined(
        self, branch: Branch, status: ScopeCompleted | ScopeFaulted
    ) -> list[tuple[str, Signal]]:
        outputs = self.forks.get(branch.fork)
        if outputs is None:
            return []
        if isinstance(status, ScopeFaulted):
            del self.forks[branch.fork]
            return [(branch.parent, TaskFaulted(branch.fork, status.problem))]
        outputs[branch.index] = status.output
        if branch.compete:
            del self.forks[branch.fork]
            return [(branch.parent, TaskCompleted(branch.fork, status.output))]
        if NEVER in outputs.values():
            return []
        del self.forks[branch.fork]
        ordered = [outputs[index] for index in sorted(outputs)]
        return [(branch.parent, TaskCompleted(branch.fork, ordered))]

    def _shut(self, branch: Branch) -> None:
        prefix = branch.scope[: -len(str(branch.index))]
        self.open = {n: at for n, at in self.open.items() if not at[0].startswith(prefix)}
        self.scopes = {n: each for n, each in self.scopes.items() if not n.startswith(prefix)}
        self.forks.pop(branch.fork, None)

    def _requests(self, step: Step) -> list[TaskRequest]:
        inner = [each for branch in step.branches for each in self._requests(branch)]
        return [*step.requests, *inner]

    def step(self, flow: Flow, state: State | None, signal: Signal, facts: Facts) -> Step:
        """Advance once, through JSON, and once more to see that nothing depends on anything."""
        state = orjson.loads(orjson.dumps(state))
        before = copy.deepcopy((state, signal, facts))
        step = advance(flow, state, signal, facts, self.evaluate, self.bounds)
        assert (state, signal, facts) == before, "advance changed its arguments"
        assert advance(flow, state, signal, facts, self.evaluate, self.bounds) == step
        self.steps.append(step)
        self._note(step)
        if not isinstance(step.status, Running) and step.branch is None:
            left = set(self.open) - set(step.closes)
            shut = [each.scope[: -len(str(each.index))] for each in step.shuts]
            left -= {n for n in left if self.open[n][0].startswith(tuple(shut))}
            assert not left, f"the run ended and left {left} open"
        return step

    def _note(self, step: Step) -> None:
        self.requests += step.requests
        self.emissions += step.emissions
        self.records += step.records
        for inner in step.branches:
            self._note(inner)

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
