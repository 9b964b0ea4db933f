"""A Step of the state machine as one ledger transition; nothing here does I/O of its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from events.envelope import create, to_structured
from events.flow.steps import EventEmission, Record, ScopeCompleted, ScopeFaulted
from events.vocabulary import digest, hop_id, identify
from functions.host.hops import rfc3339
from functions.host.ledger.rows import (
    Entry,
    Join,
    Letter,
    LetterStatus,
    Outgoing,
    RunRow,
    RunStatus,
    ScopeRow,
    TaskRow,
    TaskState,
    Transition,
)
from functions.host.outcomes import Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from events.errors import Problem
    from events.flow.steps import Branch, Step, TaskRequest, TimerRequest
    from functions.host.blobs import Blobs
    from functions.host.deployed import Deployed

ROOT = ""
"""The scope a run starts in."""
JOINED = ""
"""The outcome of a fork that is over because all branches are: it lies in their scopes."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What a transition answers to: the run, the task whose outcome it follows, and when."""

    run: RunRow
    deployed: Deployed
    task: TaskRow | None
    rev: int
    now: float
    grace: float
    work_ms: float = 0.0
    blame: TaskRow | None = None
    """The task of a branch whose fault this follows: its dead letter is about that one."""

    @property
    def scope(self) -> str:
        """The scope that advances."""
        return self.task.scope if self.task else ROOT


async def transition(step: Step, about: Settled, blobs: Blobs) -> Transition:
    """Return everything that one step writes."""
    run, task, status = about.run, about.task, step.status
    output = error = letter = join = ended = None
    if step.branch is not None:
        join = await _join(step.branch, status, about, blobs)
    elif isinstance(status, ScopeCompleted):
        ended, output = RunStatus.COMPLETED, await blobs.pack(status.output, run.id)
    elif isinstance(status, ScopeFaulted):
        ended, error = RunStatus.FAULTED, status.problem.to_json()
        called = about.blame or (task if task and task.tool else None)
        letter = letter_of(run, called, status.problem, about.now)
    made = [each async for each in _made(step, about, about.scope, blobs)]
    return Transition(
        run=run.id,
        scope=about.scope,
        expected_rev=about.rev,
        state=await blobs.pack(step.state, run.id),
        at=about.now,
        closes=task.instance if task else None,
        token=task.token if task else 0,
        timers=tuple([row for each in made for row in each.timers]),
        also_closes=step.closes,
        requests=tuple([row for each in made for row in each.requests]),
        outbox=tuple([event for each in made for event in each.outbox]),
        entries=_entries(step, about),
        ended=ended,
        output=output,
        error=error,
        letter=letter,
        scopes=tuple([each.row for each in made if each.row]),
        shuts=tuple((each.fork, _prefix(each)) for each in step.shuts),
        join=join,
    )


@dataclass(frozen=True, slots=True)
class _Made:
    """What one scope's part of a step opens."""

    requests: Sequence[TaskRow]
    timers: Sequence[TaskRow]
    outbox: Sequence[Outgoing]
    row: ScopeRow | None


async def _made(step: Step, about: Settled, scope: str, blobs: Blobs) -> AsyncIterator[_Made]:
    """Yield what a step opens in its own scope, then in those of the branches it begins."""
    for inner in step.branches:
        assert inner.branch is not None
        async for each in _made(inner, about, inner.branch.scope, blobs):
            yield each
    run = about.run
    row = None
    if step.branch is not None and scope != about.scope:
        done = isinstance(step.status, ScopeCompleted)
        row = ScopeRow(
            scope=scope,
            parent=step.branch.parent,
            fork=step.branch.fork,
            compete=step.branch.compete,
            state=await blobs.pack(step.state, run.id),
            output=await blobs.pack(step.status.output, run.id) if done else None,  # type: ignore[union-attr]
        )
    yield _Made(
        [await _requested(request, about, scope, blobs) for request in step.requests],
        [_timer(timer, about, scope) for timer in step.timers],
        [await _outgoing(emission, run, blobs) for emission in step.emissions],
        row,
    )


def _prefix(branch: Branch) -> str:
    return branch.scope[: -len(str(branch.index))]


async def _join(branch: Branch, status: object, about: Settled, blobs: Blobs) -> Join | None:
    """Return what a branch's end tells its fork; None while it goes on."""
    run, failed = about.run, about.blame or about.task
    if isinstance(status, ScopeFaulted):
        told: Outcome | None = Outcome(problem=status.problem)
    elif isinstance(status, ScopeCompleted):
        told = Outcome(output=status.output) if branch.compete else None
    else:
        return None
    row = TaskRow(
        run=run.id,
        instance=branch.fork,
        scope=branch.parent,
        reference="",
        tool="",
        major=0,
        version="",
        attempt=1,
        edition=0,
        event_id=hop_id(run.id, branch.fork, 1),
        cause=about.task.event_id if about.task else "",
        input=orjson.dumps(failed.instance if failed and failed.tool else None).decode(),
        input_digest="",
        state=TaskState.RECORDED,
        due_at=about.now + about.grace,
        outcome=JOINED if told is None else await blobs.pack(told.to_json(), run.id),
        requested_at=about.now,
    )
    output = None
    if isinstance(status, ScopeCompleted):
        output = await blobs.pack(status.output, run.id)
    return Join(row, told is not None, output)


async def _requested(request: TaskRequest, about: Settled, scope: str, blobs: Blobs) -> TaskRow:
    run, task = about.run, about.task
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
        input=await blobs.pack(request.input, run.id),
        input_digest=digest(request.input),
        state=TaskState.REQUESTED,
        due_at=about.now + about.grace,
        requested_at=about.now,
    )


def _timer(timer: TimerRequest, about: Settled, scope: str) -> TaskRow:
    run, task = about.run, about.task
    return TaskRow(
        run=run.id,
        instance=timer.instance,
        scope=scope,
        reference=timer.reference,
        tool="",
        major=0,
        version="",
        attempt=1,
        edition=0,
        event_id=hop_id(run.id, timer.instance, 1),
        cause=task.event_id if task else "",
        input="null",
        input_digest="",
        state=TaskState.WAITING,
        due_at=timer.due.timestamp(),
        requested_at=about.now,
    )


async def _outgoing(emission: EventEmission, run: RunRow, blobs: Blobs) -> Outgoing:
    attributes: dict[str, Any] = dict(emission.attributes)
    attributes.pop("specversion", None)
    data: Any = None
    if emission.has_data:
        packed = await blobs.pack(emission.data, attributes["id"], "events")
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
    entries = [_entry(record, about) for record in _records(step)]
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


def _entry(record: Record, about: Settled) -> Entry:
    detail = dict(record.detail)
    task = about.task
    if task and task.tool and record.instance == task.instance and record.kind.startswith("task."):
        detail |= {"tool": task.tool, "attempt": task.attempt, "workMs": about.work_ms}
    return Entry(record.kind, about.now, record.reference, record.instance, detail)


def letter_of(run: RunRow, task: TaskRow | None, problem: Problem, now: float) -> Letter:
    """Return the dead letter of a fault that nobody caught."""
    instance = task.instance if task else None
    return Letter(
        id=letter_id(run.id, instance, task.attempt if task else 0),
        status=LetterStatus.OPEN,
        reason=f"{problem.title}: {problem.detail}" if problem.detail else problem.title,
        code=problem.status,
        stored_at=now,
        trigger="",
        event=_letter_event(run, task, now),
        run=run.id,
        instance=instance,
        tool=task.tool if task else None,
        flow=f"{run.namespace}/{run.name}:{run.version}",
    )


def letter_id(run: str, instance: str | None, attempt: int) -> str:
    """Return the id that every dead letter about one attempt shares, whoever stores it."""
    return identify("letter", run, instance or "", attempt)


def _letter_event(run: RunRow, task: TaskRow | None, now: float) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": task.event_id if task else run.id,
        "source": f"/flows/{run.namespace}/{run.name}",
        "type": "dev.tendril.task.requested.v1" if task else "dev.tendril.run.started.v1",
        "subject": task.instance if task else run.id,
        "time": rfc3339(datetime.fromtimestamp(now, UTC)),
    }
