"""What the end of a run leaves: what its parent is told, and the dead letter of a fault."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from events.flow.steps import ScopeCompleted, ScopeFaulted
from events.times import rfc3339
from events.vocabulary import identify
from functions.host.ledger.rows.letter import Letter, LetterStatus
from functions.host.ledger.rows.task import WORKFLOW
from functions.host.ledger.rows.transition import ChildEnd
from functions.host.outcomes import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from events.errors import Problem
    from events.flow.steps import Step
    from functions.host.blobs import Blobs
    from functions.host.ledger.rows.run import RunRow
    from functions.host.ledger.rows.task import TaskRow, Work
    from functions.host.transitions import Settled


def letter(step: Step, about: Settled) -> Letter | None:
    """Return the dead letter of a fault: where nobody is left who could catch it, or somebody did.

    A branch's fault goes on to its fork, an awaited run's to its parent, and the letter with it.
    """
    run, failed = about.run, about.failed
    if isinstance(step.status, ScopeFaulted):
        if step.branch or run.awaited:
            return None
        return letter_of(run, failed, step.status.problem, about.now)
    if about.blame is None or about.problem is None or about.blame.run.id == run.id:
        return None
    caught = letter_of(run, failed, about.problem, about.now)
    return replace(caught, status=LetterStatus.CAUGHT)


def outlived(about: Settled, status: object) -> Sequence[str]:
    """Return the instance of a task whose child run faulted, once the fault is caught.

    What that run still has going on is for nobody, and nobody can redrive it.
    """
    task = about.task
    caught = about.problem and not isinstance(status, ScopeFaulted)
    return [task.instance] if task and task.tool == WORKFLOW and caught else []


async def child_end(status: object, about: Settled, blobs: Blobs) -> ChildEnd:
    """Return what an awaited run's end tells its parent."""
    run, failed = about.run, about.failed
    assert run.parent
    told = Outcome(blame=(failed.run.id, failed.task.instance) if failed else None)
    if isinstance(status, ScopeFaulted):
        told = replace(told, problem=status.problem)
    elif isinstance(status, ScopeCompleted):
        told = Outcome(output=status.output)
    packed = await blobs.pack(told.to_json(), run.parent)
    return ChildEnd(run.parent, run.caller, packed, about.now + about.grace)


def letter_of(run: RunRow, failed: Work | None, problem: Problem, now: float) -> Letter:
    """Return the dead letter of a fault that nobody caught, about the task that failed."""
    task, run = (failed.task, failed.run) if failed else (None, run)
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
        tool=(task.tool or None) if task else None,
        flow=run.flow,
    )


def letter_id(run: str, instance: str | None, attempt: int) -> str:
    """Return the id that every dead letter about one attempt shares, whoever stores it."""
    return identify("letter", run, instance or "", attempt)


def _letter_event(run: RunRow, task: TaskRow | None, now: float) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": task.event_id if task else run.id,
        "source": f"/flows/{run.namespace}/{run.name}",
        "type": "dev.tendril.task.requested.v1"
        if task and task.tool
        else "dev.tendril.run.started.v1",
        "subject": task.instance if task else run.id,
        "time": rfc3339(datetime.fromtimestamp(now, UTC)),
    }
