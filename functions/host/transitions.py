"""A Step of the state machine as one ledger transition; nothing here does I/O of its own."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from events.envelope import create, to_structured
from events.flow.steps import Record, ScopeCompleted, ScopeFaulted
from events.vocabulary import digest, hop_id, identify
from functions.host import ends
from functions.host.branching import due_turn, fork_row, join_of, prefix
from functions.host.ledger.rows.fork import ScopeRow
from functions.host.ledger.rows.history import Entry
from functions.host.ledger.rows.outbox import Outgoing
from functions.host.ledger.rows.run import RunRow, RunStatus
from functions.host.ledger.rows.task import WORKFLOW, TaskRow, TaskState, Work
from functions.host.ledger.rows.transition import Transition
from functions.host.waiting import approval_rows, assignees, listen_rows, subscription, timer_row

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

    from events.errors import Problem
    from events.flow.effects import ChildRequest, EventEmission, TaskRequest
    from events.flow.steps import Step
    from functions.host.blobs import Blobs
    from functions.host.deployed import Deployed
    from functions.host.ledger.rows.approval import Assignee
    from functions.host.ledger.rows.fork import ForkRow
    from functions.host.ledger.rows.listen import Subscription
    from functions.host.states import States

ROOT = ""
"""The scope a run starts in."""
_IN_A_ROW: Final = 100
"""Branches whose rows are made before others have their turn on the event loop."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What a transition answers to: the run, the task whose outcome it follows, and when."""

    run: RunRow
    deployed: Deployed
    task: TaskRow | None
    rev: int
    now: float
    grace: float
    figures: Mapping[str, Any] = field(default_factory=dict)
    """What the attempt took whose outcome this follows."""
    problem: Problem | None = None
    """The error that the task ended with."""
    before: str = ""
    """The packed state that this takes the place of."""
    blame: Work | None = None
    """The task of a branch or of a child run whose fault this follows: its dead letter is about
    that one."""

    @property
    def failed(self) -> Work | None:
        """The task or the timer that a fault is about, if it is that of any."""
        task = self.task
        if self.blame is None and task and (task.tool or task.state is TaskState.WAITING):
            return Work(task, self.run)
        return self.blame

    @property
    def scope(self) -> str:
        """The scope that advances."""
        return self.task.scope if self.task else ROOT


async def transition(step: Step, about: Settled, blobs: Blobs, states: States) -> Transition:
    """Return everything that one step writes."""
    run, task, status = about.run, about.task, step.status
    output = error = join = ended = None
    if step.branch is not None:
        join = await join_of(step.branch, status, about, blobs)
    elif isinstance(status, ScopeCompleted):
        ended, output = RunStatus.COMPLETED, await blobs.pack(status.output, run.id)
    elif isinstance(status, ScopeFaulted):
        ended, error = RunStatus.FAULTED, status.problem.to_json()
    made = [each async for each in _made(step, about, about.scope, blobs)]
    state = states.pack(step.state, about.before)
    return Transition(
        run=run.id,
        scope=about.scope,
        expected_rev=about.rev,
        state=state.text,
        at=about.now,
        closes=task.instance if task else None,
        token=task.token if task else 0,
        timers=tuple([row for each in made for row in each.timers]),
        also_closes=(*step.closes, *ends.outlived(about, status)),
        requests=tuple([row for each in made for row in each.requests]),
        outbox=tuple([event for each in made for event in each.outbox]),
        entries=_entries(step, about),
        ended=ended,
        output=output,
        error=error,
        letter=ends.letter(step, about),
        scopes=tuple([each.row for each in made if each.row]),
        forks=tuple([fork for each in made for fork in each.forks]),
        turns=tuple([turn for each in made for turn in each.turns]),
        shuts=tuple((each.fork, prefix(each)) for each in step.shuts),
        join=join,
        children=tuple([row for each in made for row in each.children]),
        child_end=await ends.child_end(status, about, blobs) if ended and run.awaited else None,
        subscriptions=tuple([row for each in made for row in each.subscriptions]),
        assignees=tuple([row for each in made for row in each.assignees]),
        consumed=tuple((each.listener, each.event) for each in step.consumed),
        deaf=step.deaf,
        keeps=state.keeps,
        drops=state.drops,
    )


@dataclass(frozen=True, slots=True)
class _Made:
    """What one scope's part of a step opens."""

    requests: Sequence[TaskRow]
    timers: Sequence[TaskRow]
    subscriptions: Sequence[Subscription]
    assignees: Sequence[Assignee]
    outbox: Sequence[Outgoing]
    row: ScopeRow | None
    children: Sequence[TaskRow]
    forks: Sequence[ForkRow]
    turns: Sequence[TaskRow]


async def _made(step: Step, about: Settled, scope: str, blobs: Blobs) -> AsyncIterator[_Made]:
    """Yield what a step opens in its own scope, then in those of the branches it begins."""
    for number, inner in enumerate(step.branches, 1):
        assert inner.branch is not None
        async for each in _made(inner, about, inner.branch.scope, blobs):
            yield each
        if number % _IN_A_ROW == 0:
            await asyncio.sleep(0)
    run = about.run
    row = None
    if step.branch is not None and scope != about.scope:
        done = isinstance(step.status, ScopeCompleted)
        row = ScopeRow(
            scope=scope,
            parent=step.branch.parent,
            fork=step.branch.fork,
            state=await blobs.pack(step.state, run.id),
            output=await blobs.pack(step.status.output, run.id) if done else None,  # type: ignore[union-attr]
        )
    yield _Made(
        [await _requested(request, about, scope, blobs) for request in step.requests],
        [
            *(timer_row(timer, about, scope) for timer in step.timers),
            *[row async for row in listen_rows(step, about, scope, blobs)],
            *[row async for row in approval_rows(step, about, scope, blobs)],
        ],
        [subscription(each, run, scope) for each in step.subscriptions],
        [row for each in step.approvals for row in assignees(each, run)],
        [await _outgoing(emission, run, blobs) for emission in step.emissions],
        row,
        [await _starting(child, about, scope, blobs) for child in step.children],
        [await fork_row(fork, step, scope, run, blobs) for fork in step.forks],
        [due_turn(due, about) for fork in step.forks for due in fork.due],
    )


async def _requested(request: TaskRequest, about: Settled, scope: str, blobs: Blobs) -> TaskRow:
    run, task, payload = about.run, about.task, request.payload()
    version = about.deployed.version_of(request.function, request.version)
    return TaskRow(
        run=run.id,
        instance=request.instance,
        scope=scope,
        reference=request.reference,
        tool=request.function,
        major=int(version.split(".", 1)[0]),
        version=version,
        attempt=1,
        edition=0,
        event_id=hop_id(run.id, request.instance, 1),
        cause=task.event_id if task else "",
        input=await blobs.pack(payload, run.id),
        input_digest=digest(payload),
        state=TaskState.REQUESTED,
        due_at=about.now + about.grace,
        requested_at=about.now,
    )


async def _starting(child: ChildRequest, about: Settled, scope: str, blobs: Blobs) -> TaskRow:
    run, task = about.run, about.task
    asked = {
        "namespace": child.namespace,
        "name": child.name,
        "version": child.version,
        "input": child.input,
        "await": child.awaited,
    }
    return TaskRow(
        run=run.id,
        instance=child.instance,
        scope=scope,
        reference=child.reference,
        tool=WORKFLOW,
        major=0,
        version="",
        attempt=1,
        edition=0,
        event_id=hop_id(run.id, child.instance, 1),
        cause=task.event_id if task else "",
        input=await blobs.pack(asked, run.id),
        input_digest=digest(asked),
        state=TaskState.STARTING,
        due_at=about.now + about.grace,
        requested_at=about.now,
    )


async def _outgoing(emission: EventEmission, run: RunRow, blobs: Blobs) -> Outgoing:
    attributes: dict[str, Any] = dict(emission.attributes)
    attributes.pop("specversion", None)
    data: Any = None
    if emission.has_data:
        packed = await blobs.pack(emission.data, run.id, "events")
        attributes.setdefault("datacontenttype", "application/json")
        if packed.startswith("@"):
            attributes["dataref"] = packed[1:]
        else:
            data = packed.encode()
    attributes.setdefault("traceparent", f"00-{run.trace}-{str(attributes['id'])[:16]}-01")
    attributes.setdefault("correlationid", run.id)
    _, body = to_structured(create(data=data, **attributes))
    return Outgoing(identify("out", run.id, emission.instance), body.decode())


def _entries(step: Step, about: Settled) -> tuple[Entry, ...]:
    asked = set(_asked(step))
    entries = [_entry(record, about, asked) for record in _records(step)]
    if about.task is None:
        entries.insert(0, Entry("run.started", about.now))
    status = step.status
    if step.branch is None and isinstance(status, ScopeCompleted):
        entries.append(Entry("run.completed", about.now))
    if step.branch is None and isinstance(status, ScopeFaulted):
        problem = status.problem.to_json()
        entries.append(Entry("run.faulted", about.now, detail={"problem": problem}))
    return tuple(entries)


def _records(step: Step) -> Iterator[Record]:
    yield from step.records
    for inner in step.branches:
        yield from _records(inner)


def _asked(step: Step) -> Iterator[str]:
    yield from (request.instance for request in step.requests)
    for inner in step.branches:
        yield from _asked(inner)


def _entry(record: Record, about: Settled, asked: set[str]) -> Entry:
    detail = dict(record.detail)
    if record.kind == "task.started" and record.instance in asked:
        detail["pending"] = True  # nobody has taken it up yet
    task = about.task
    if task and task.tool and record.instance == task.instance and record.kind.startswith("task."):
        detail |= {"tool": task.tool, "attempt": task.attempt, **about.figures}
    return Entry(record.kind, about.now, record.reference, record.instance, detail)
