"""A run without a platform: the state machine driven in virtual time, in one thread.

Time stands still while anything happens and then goes to whatever is due next: an answer, a
timer. What is due at the same moment happens in the order in which it was asked for, so that a
rehearsal always takes the same course.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, Final

from events.errors import ErrorType, Problem
from events.flow.advance import Bounds, advance
from events.flow.advance.tasks.listen import listener
from events.flow.approval import answer_event
from events.flow.signals import (
    EventHeard,
    Signal,
    Start,
    TaskCompleted,
    TaskFaulted,
    TimerFired,
    Turn,
)
from events.flow.steps import (
    Branch,
    Dormant,
    Evaluate,
    Facts,
    Record,
    Running,
    ScopeCompleted,
    ScopeFaulted,
    State,
    Step,
    Surroundings,
)
from events.vocabulary import event_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from events.flow.effects import ApprovalRequest, ChildRequest, EventEmission, TaskRequest
    from events.flow.syntax import Flow

Json = Any
BEGAN: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""When a rehearsal begins, unless it is told otherwise."""
RUN: Final = "rehearsal"
_OUT: Final = object()
"""The place of a branch's output until it has one."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool makes of a request, and after how long; one that is `never` does not come."""

    output: Json = None
    problem: Problem | None = None
    takes: timedelta = timedelta()
    never: bool = False
    by: str | None = None
    """Whose it is, where people are asked."""


def _nobody(_: ApprovalRequest) -> Answer:
    return Answer(never=True)


def _absent(request: ChildRequest) -> Answer:
    """Answer for a flow that is not part of the play."""
    detail = f"no flow {request.namespace}/{request.name}:{request.version} is part of this play"
    return Answer(problem=Problem(ErrorType.CONFIGURATION, 400, "Unknown flow", detail))


@dataclass
class Stage:
    """Plays one run; everything that happened is in its fields afterwards."""

    flow: Flow
    evaluate: Evaluate
    answer: Callable[[TaskRequest], Answer]
    """Answers each request, in the order in which they are made; what it raises ends the play."""
    input: Json = None
    run: str = RUN
    began: datetime = BEGAN
    bounds: Bounds = field(default_factory=Bounds)
    order: Callable[[str], float] = field(default=lambda _: 0.0)
    """Which of the things that are due at the same moment happens first, by their instance."""
    events: list[tuple[datetime, dict[str, Json]]] = field(default_factory=list)
    """What comes from outside, and when, the earliest first; what the run emits comes too."""
    child: Callable[[ChildRequest], Answer] = _absent
    """Answers each request for a run of another flow."""
    person: Callable[[ApprovalRequest], Answer] = _nobody
    """Answers what people are asked."""
    now: datetime = field(init=False)
    requests: list[TaskRequest] = field(default_factory=list)
    emissions: list[EventEmission] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    open: dict[str, str] = field(default_factory=dict)
    """What is waited for, requests, timers and listens, with the scope that waits."""
    scopes: dict[str, State] = field(default_factory=dict)
    _consumed: set[tuple[str, str]] = field(default_factory=set)
    shared: dict[str, Surroundings] = field(default_factory=dict)
    """What the branches of a fork see, by the fork's instance."""
    _forks: dict[str, dict[int, Json]] = field(default_factory=dict)
    _dormant: dict[str, deque[Branch]] = field(default_factory=dict)
    _due: list[tuple[datetime, float, int, Signal]] = field(default_factory=list)
    _listens: set[str] = field(default_factory=set)
    _count: int = 0
    _told: deque[tuple[str, Signal]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.now = self.began

    def play(self) -> ScopeCompleted | ScopeFaulted | Running:
        """Return how the run ends; Running where it waits for what never comes."""
        self._told.append(("", Start()))
        while self._told or self._wait():
            scope, signal = self._told.popleft()
            step = self.step(self.scopes.get(scope), signal)
            self._note(step)
            if step.branch is None and isinstance(step.status, ScopeCompleted | ScopeFaulted):
                return step.status
            self._keep(step)
            for part in _parts(step):
                for request in part.requests:
                    self.requests.append(request)
                    self._answer(request.instance, self.answer(request))
                for child in part.children:
                    self._answer(child.instance, self.child(child))
                for asked in part.approvals:
                    self._decide(asked, self.person(asked))
        return Running()

    def step(self, state: State | None, signal: Signal) -> Step:
        """Advance once."""
        around = self.shared[state["branch"]["fork"]] if state and "branch" in state else None
        facts = Facts(self.run, self.input, self.began, self.now, around)
        return advance(self.flow, state, signal, facts, self.evaluate, self.bounds)

    @property
    def path(self) -> list[str]:
        """The references of the tasks that were done, as they were begun."""
        return [each.reference for each in self.records if each.kind == "task.started"]

    def _wait(self) -> bool:
        """Let time pass until something happens; False where nothing ever will."""
        while self._due:
            due, _, _, signal = heappop(self._due)
            instance = _instance(signal)
            if instance not in self.open:
                continue
            if isinstance(signal, EventHeard):
                if self._has_consumed(instance, signal.event):
                    continue
                scope = self.open[instance]  # it goes on, for all we know
            else:
                scope = self.open.pop(instance)
            self.now = due
            self._told.append((scope, signal))
            return True
        return False

    def _answer(self, instance: str, answer: Answer) -> None:
        if answer.never:
            return
        signal: Signal = TaskCompleted(instance, answer.output)
        if answer.problem is not None:
            signal = TaskFaulted(instance, answer.problem)
        self._expect(self.now + answer.takes, signal)

    def _decide(self, asked: ApprovalRequest, answer: Answer) -> None:
        if answer.never:
            return
        at = self.now + answer.takes
        event = answer_event(asked.form, self.run, asked.instance, answer.output, answer.by, at)
        self._expect(at, EventHeard(asked.instance, event))

    def _expect(self, due: datetime, signal: Signal) -> None:
        self._count += 1
        heappush(self._due, (due, self.order(_instance(signal)), self._count, signal))

    def _listen(self, instance: str) -> None:
        """Tell a listen of every event that its listener has not had."""
        for at, event in self.events:
            if not self._has_consumed(instance, event):
                self._expect(max(at, self.now), EventHeard(instance, event))

    def _has_consumed(self, instance: str, event: dict[str, Json]) -> bool:
        return (listener(instance), event_key(event["source"], event["id"])) in self._consumed

    def _come(self, emission: EventEmission) -> None:
        """Have an event come that the run itself emits."""
        event = {**emission.attributes, **({"data": emission.data} if emission.has_data else {})}
        self.events.append((self.now, event))
        for instance in self._listens:
            if instance in self.open:
                self._expect(self.now, EventHeard(instance, event))

    def _note(self, step: Step) -> None:
        self.emissions += step.emissions
        for emission in step.emissions:
            self._come(emission)
        self.records += step.records
        for inner in step.branches:
            self._note(inner)

    def _keep(self, step: Step, *, first: bool = False) -> None:
        """Keep what a step left, as a ledger would, and tell others of branches that ended.

        The end of a branch in its very first step is nobody's turn: there was room for it.
        """
        own = step.branch.scope if step.branch else ""
        for instance in (*step.closes, *step.deaf):
            del self.open[instance]
        self._consumed |= {(each.listener, each.event) for each in step.consumed}
        for shut in step.shuts:
            self._shut(shut)
        self.open |= {request.instance: own for request in step.requests}
        self.open |= {child.instance: own for child in step.children}
        self.open |= {timer.instance: own for timer in step.timers}
        self.open |= {asked.instance: own for asked in step.approvals}
        listens = {each.instance: own for each in step.subscriptions}
        self.open |= listens
        self._listens |= listens.keys()
        for instance in listens:
            self._listen(instance)
        for timer in step.timers:
            self._expect(timer.due, TimerFired(timer.instance))
        if not isinstance(step.status, ScopeFaulted):
            self.scopes[own] = step.state
        self._begin(step)
        if step.branch and isinstance(step.status, ScopeCompleted | ScopeFaulted):
            if isinstance(step.status, ScopeCompleted) and not first:
                self._turn(step.branch.fork)
            self._join(step.branch, step.status)

    def _begin(self, step: Step) -> None:
        """Keep the branches of the forks that a step begins."""
        for inner in step.branches:
            assert inner.branch is not None
            self._forks.setdefault(inner.branch.fork, {})[inner.branch.index] = _OUT
            if isinstance(inner.status, Dormant):
                self._dormant.setdefault(inner.branch.fork, deque()).append(inner.branch)
        for inner in step.branches:
            self._keep(inner, first=True)
        for fork in step.forks:
            self.shared[fork.instance] = fork.around
            for _ in fork.due:
                self._turn(fork.instance)

    def _turn(self, fork: str) -> None:
        """Let the next branch begin that lies dormant, if there is one."""
        if dormant := self._dormant.get(fork):
            scope = dormant.popleft().scope
            self._told.append((scope, Turn(scope)))

    def _join(self, branch: Branch, status: ScopeCompleted | ScopeFaulted) -> None:
        """Take a branch's end for its fork, which is told when that is its own end."""
        outputs = self._forks.get(branch.fork)
        if outputs is None:
            return
        if isinstance(status, ScopeFaulted):
            told: Signal = TaskFaulted(branch.fork, status.problem)
        else:
            outputs[branch.index] = status.output
            if branch.compete:
                told = TaskCompleted(branch.fork, status.output)
            elif _OUT in outputs.values():
                return
            else:
                told = TaskCompleted(branch.fork, [outputs[index] for index in sorted(outputs)])
        del self._forks[branch.fork]
        self._told.append((branch.parent, told))

    def _shut(self, branch: Branch) -> None:
        prefix = branch.scope[: -len(str(branch.index))]
        self.open = {n: at for n, at in self.open.items() if not at.startswith(prefix)}
        self.scopes = {n: each for n, each in self.scopes.items() if not n.startswith(prefix)}
        self._forks.pop(branch.fork, None)
        self._dormant.pop(branch.fork, None)
        self._told = deque(each for each in self._told if not each[0].startswith(prefix))


def _parts(step: Step) -> Iterator[Step]:
    """Yield a step and those of the branches that it begins."""
    yield step
    for inner in step.branches:
        yield from _parts(inner)


def _instance(signal: Signal) -> str:
    assert not isinstance(signal, Start)
    return signal.instance
