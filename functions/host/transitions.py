"""A Step of the state machine as one ledger transition; nothing here does I/O of its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from events.envelope import create, to_structured
from events.flow.steps import EventEmission, Record, Running, ScopeCompleted, ScopeFaulted
from events.vocabulary import digest, hop_id, identify
from functions.host.hops import rfc3339
from functions.host.ledger.rows import (
    Entry,
    Letter,
    LetterStatus,
    Outgoing,
    RunRow,
    RunStatus,
    TaskRow,
    TaskState,
    Transition,
)

if TYPE_CHECKING:
    from events.errors import Problem
    from events.flow.steps import Step, TaskRequest, TimerRequest
    from functions.host.blobs import Blobs
    from functions.host.deployed import Deployed

ROOT = ""
"""The scope a run starts in."""


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


async def transition(step: Step, about: Settled, blobs: Blobs) -> Transition:
    """Return everything that one step writes."""
    run, task, status = about.run, about.task, step.status
    output = error = letter = None
    if isinstance(status, ScopeCompleted):
        output = await blobs.pack(status.output, run.id)
    if isinstance(status, ScopeFaulted):
        error = status.problem.to_json()
        called = task if task and task.tool else None
        letter = letter_of(run, called, status.problem, about.now)
    return Transition(
        run=run.id,
        scope=task.scope if task else ROOT,
        expected_rev=about.rev,
        state=await blobs.pack(step.state, run.id),
        at=about.now,
        closes=task.instance if task else None,
        token=task.token if task else 0,
        timers=tuple([_timer(timer, about) for timer in step.timers]),
        also_closes=step.closes,
        requests=tuple([await _requested(request, about, blobs) for request in step.requests]),
        outbox=tuple([await _outgoing(emission, run, blobs) for emission in step.emissions]),
        entries=_entries(step, about),
        ended=_ended(step),
        output=output,
        error=error,
        letter=letter,
    )


def _ended(step: Step) -> RunStatus | None:
    if isinstance(step.status, Running):
        return None
    completed = isinstance(step.status, ScopeCompleted)
    return RunStatus.COMPLETED if completed else RunStatus.FAULTED


async def _requested(request: TaskRequest, about: Settled, blobs: Blobs) -> TaskRow:
    run, task = about.run, about.task
    version = about.deployed.version_of(request.function, request.version)
    return TaskRow(
        run=run.id,
        instance=request.instance,
        scope=task.scope if task else ROOT,
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


def _timer(timer: TimerRequest, about: Settled) -> TaskRow:
    run, task = about.run, about.task
    return TaskRow(
        run=run.id,
        instance=timer.instance,
        scope=task.scope if task else ROOT,
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
    entries = [_entry(record, about) for record in step.records]
    if about.task is None:
        entries.insert(0, Entry("run.started", about.now))
    status = step.status
    if isinstance(status, ScopeCompleted):
        entries.append(Entry("run.completed", about.now))
    if isinstance(status, ScopeFaulted):
        problem = status.problem.to_json()
        entries.append(Entry("run.faulted", about.now, detail={"problem": problem}))
    return tuple(entries)


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
