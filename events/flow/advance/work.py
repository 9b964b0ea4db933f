"""One step in the making: what is known, the stack, and the effects collected so far."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final, Self

from events.errors import ErrorType, Problem
from events.flow.advance.frames import (
    ADDED,
    EXTENDED,
    FLOW,
    FORKED,
    FUNCTION,
    ITERATION,
    WAITING,
    Frame,
)
from events.flow.advance.happenings import Arrived
from events.flow.advance.refusals import ExhaustedError, UnknownMachine
from events.flow.steps import (
    MACHINE,
    Branch,
    Dormant,
    Evaluate,
    Facts,
    Fork,
    Record,
    Running,
    ScopeCompleted,
    ScopeFaulted,
    State,
    Step,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from events.flow.effects import (
        ApprovalRequest,
        ChildRequest,
        Consumption,
        EventEmission,
        Subscription,
        TaskRequest,
        TimerRequest,
    )
    from events.flow.syntax import Flow
    from events.flow.syntax.base import TaskBase

Json = Any
_BRANCH: Final = tuple(each.name for each in fields(Branch))


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far a scope may go; a flow that goes further has a loop without an end."""

    pure: int = 10_000
    """Tasks in one step, that is, without waiting for anything."""
    steps: int = 100_000
    """Tasks in all."""
    iterations: int = 10_000
    """Of one parallel `for`: the scopes of all are made in one transaction."""
    branches: int | None = None
    """That one fork may begin in a call that has little time; a wider one raises TooWide."""


@dataclass(frozen=True, slots=True)
class Fan:
    """The branches that the task on top is about to begin."""

    frames: Sequence[Frame]
    """What lies at the bottom of each one's scope."""
    at_once: int
    """How many of them may run at the same time."""
    compete: bool = False
    collect: bool = False


@dataclass(slots=True)
class Work:
    """The working copy that `advance` makes; frames and JSON values in it are never changed."""

    flow: Flow
    facts: Facts
    evaluate: Evaluate
    bounds: Bounds
    stack: list[Frame]
    context: Json = None
    visits: dict[str, int] = field(default_factory=dict)
    """How often each task was begun: no longer than the flow's text has tasks, whatever the run."""
    steps: int = 0
    pure: int = 0
    requests: list[TaskRequest] = field(default_factory=list)
    emissions: list[EventEmission] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    timers: list[TimerRequest] = field(default_factory=list)
    closes: list[str] = field(default_factory=list)
    branch: Branch | None = None
    branches: list[Step] = field(default_factory=list)
    shuts: list[Branch] = field(default_factory=list)
    subscriptions: list[Subscription] = field(default_factory=list)
    consumed: list[Consumption] = field(default_factory=list)
    deaf: list[str] = field(default_factory=list)
    children: list[ChildRequest] = field(default_factory=list)
    approvals: list[ApprovalRequest] = field(default_factory=list)
    forks: list[Fork] = field(default_factory=list)
    fan: Fan | None = None
    """Of the task on top, if it is a fork whose branches have not begun."""

    @classmethod
    def resume(
        cls, flow: Flow, state: State | None, facts: Facts, evaluate: Evaluate, bounds: Bounds
    ) -> Self:
        """Take up a state, or begin the flow's own scope; raises UnknownMachine."""
        if state is None:
            return cls(flow, facts, evaluate, bounds, [Frame(FLOW)])
        if state["machine"] != MACHINE:
            reason = f"the state is of machine {state['machine']}, this one is {MACHINE}"
            raise UnknownMachine(reason)
        given = facts.around.input if facts.around else None
        context = facts.around.context if facts.around else None
        stack = [Frame.from_json(frame, given) for frame in state["frames"]]
        visits, steps = dict(state["visits"]), state["steps"]
        context = state.get("context", context)
        work = cls(flow, facts, evaluate, bounds, stack, context, visits, steps)
        work.branch = Branch(**state["branch"]) if "branch" in state else None
        return work

    def state(self) -> State:
        """Return the state to keep: of a branch, without what it shares with the others."""
        around = self.facts.around
        shared = around is not None and self.context is around.context
        given = around.input if around else None
        return {
            "machine": MACHINE,
            **({} if shared else {"context": self.context}),
            "visits": self.visits,
            "steps": self.steps,
            "frames": [frame.to_json(given) for frame in self.stack],
            **({"branch": {n: getattr(self.branch, n) for n in _BRANCH}} if self.branch else {}),
        }

    def step(self, status: Running | Dormant | ScopeCompleted | ScopeFaulted) -> Step:
        """Return all of this as the step it is."""
        return Step(
            self.state(),
            status,
            tuple(self.requests),
            tuple(self.emissions),
            tuple(self.records),
            tuple(self.timers),
            tuple(self.closes),
            self.branch,
            tuple(self.branches),
            tuple(self.forks),
            tuple(self.shuts),
            tuple(self.subscriptions),
            tuple(self.consumed),
            tuple(self.deaf),
            tuple(self.children),
            tuple(self.approvals),
        )

    def variables(self) -> dict[str, Json]:
        """Return the variables that the task on top sees.

        A function and an extension see none of the tasks around them.
        """
        seen = dict(self.facts.around.variables) if self.facts.around else {}
        below = ""
        for each in self.stack:
            if below == FUNCTION or each.kind in ADDED:
                seen = {name: value for name, value in seen.items() if name == EXTENDED}
            seen |= each.variables
            below = each.kind
        return seen

    @property
    def scope(self) -> str:
        """The name of the scope; the flow's own has the empty one."""
        return self.branch.scope if self.branch else ""

    def push(self, frame: Frame) -> None:
        """Put a frame on top."""
        self.stack.append(frame)

    def arrive(self, reference: str, task: TaskBase, raw: Json) -> Arrived:
        """Put a task on top, visited once more, and say that the flow reached it."""
        instance, started = self.visit(reference), self.facts.now.isoformat()
        self.push(Frame(task.keyword, reference, instance, started, raw))
        return Arrived(raw)

    def become(self, frame: Frame) -> Frame:
        """Replace the top frame."""
        self.stack[-1] = frame
        return frame

    def pop(self) -> Frame:
        """Take the top frame away, and with it its timers and what it listens to."""
        frame = self.stack.pop()
        if frame.listens:
            self._deafen(frame.instance)
        for timer in frame.timers:
            self.close(timer)
        return frame

    def drop(self) -> Frame:
        """Take the top frame away before its time; what it waits for is no longer wanted."""
        frame = self.pop()
        if frame.kind in WAITING:
            self.close(frame.instance)
        if frame.kind in FORKED:
            self.shut(frame)
            self.record("branches.cancelled", frame)
        return frame

    def branch_of(self, frame: Frame, index: int, fan: Fan | None = None) -> Branch:
        """Return a branch of a fork in this scope."""
        above = f"{self.scope}|" if self.scope else ""
        own = frame.instance.removesuffix(f"@{self.scope}")
        name = f"{above}{own}/{index}"
        if fan is None:
            return Branch(name, self.scope, frame.instance, index, compete=False)
        turns = fan.at_once < len(fan.frames)
        own_ways = fan.compete, fan.collect, turns
        return Branch(name, self.scope, frame.instance, index, *own_ways)

    def shut(self, frame: Frame) -> None:
        """Close a fork's scopes, which may be ones that this very step made."""
        if any(_is_of(step, frame.instance) for step in self.branches):
            self.branches = [step for step in self.branches if not _is_of(step, frame.instance)]
            self.forks = [fork for fork in self.forks if fork.instance != frame.instance]
        elif self.fan is None:
            self.shuts.append(self.branch_of(frame, 0))
        self.fan = None

    def close(self, instance: str) -> None:
        """Close a timer or a request, which may be one that this very step made."""
        made: list[list[Any]] = [self.timers, self.requests, self.children]
        if all(each.instance != instance for effects in made for each in effects):
            self.closes.append(instance)
        for effects in made:
            effects[:] = [each for each in effects if each.instance != instance]

    def _deafen(self, instance: str) -> None:
        """End a listen, which may be one that this very step began."""
        made: list[list[Any]] = [self.subscriptions, self.approvals]
        if all(each.instance != instance for effects in made for each in effects):
            self.deaf.append(instance)
        for effects in made:
            effects[:] = [each for each in effects if each.instance != instance]

    def visit(self, reference: str) -> str:
        """Count one more visit of a task and return its instance."""
        self.visits[reference] = self.visits.get(reference, 0) + 1
        within = f"@{self.scope}" if self.scope else ""
        return f"{reference}#{self.visits[reference]}{within}"

    def count(self, frame: Frame) -> None:
        """Count one more task; raise ExhaustedError when that is one too many."""
        self.steps, self.pure = self.steps + 1, self.pure + 1
        if self.pure > self.bounds.pure:
            raise self._exhausted(frame, f"more than {self.bounds.pure} tasks without waiting")
        if self.steps > self.bounds.steps:
            raise self._exhausted(frame, f"more than {self.bounds.steps} tasks in all")

    def _exhausted(self, frame: Frame, what: str) -> ExhaustedError:
        loops = [each.reference for each in self.stack if each.kind in {"for", ITERATION}]
        around = loops[-1] if loops else max(self.visits, key=self.visits.__getitem__)
        detail = f"the run did {what}; the loop around {around} has no end in sight"
        problem = Problem(ErrorType.RUNTIME, 500, "Endless loop", detail, frame.reference)
        return ExhaustedError(problem)

    def record(self, kind: str, frame: Frame, **detail: Json) -> None:
        """Add a line to the run's history."""
        self.records.append(Record(kind, frame.reference, frame.instance, detail))


def _is_of(step: Step, fork: str) -> bool:
    return step.branch is not None and step.branch.fork == fork
