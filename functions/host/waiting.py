"""The rows of what waits without a tool: for a time, or for events."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from events.flow.advance.tasks.listen import listener
from events.flow.listening import correlation, shape_of
from functions.host.ledger.rows.approval import Assignee
from functions.host.ledger.rows.listen import Subscription
from functions.host.ledger.rows.task import NEVER, TaskState
from functions.host.ledger.toolless import toolless

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from events.flow.effects import ApprovalRequest, TimerRequest
    from events.flow.effects import Subscription as Listening
    from events.flow.steps import Step
    from functions.host.blobs import Blobs
    from functions.host.ledger.rows.run import RunRow
    from functions.host.ledger.rows.task import TaskRow
    from functions.host.transitions import Settled


def timer_row(timer: TimerRequest, about: Settled, scope: str) -> TaskRow:
    """Return the row of a timer; its input is its length in seconds."""
    due = timer.due.timestamp()
    row = _waits(timer.instance, timer.reference, about, scope, due=due)
    return replace(row, input=orjson.dumps(due - about.now).decode())


def _waits(instance: str, reference: str, about: Settled, scope: str, *, due: float) -> TaskRow:
    """Return the row of what waits for something, but for no tool."""
    run, task = about.run, about.task
    row = toolless(run.id, instance, scope, TaskState.WAITING, at=about.now, due_at=due)
    return replace(row, reference=reference, cause=task.event_id if task else "")


async def listen_rows(
    step: Step, about: Settled, scope: str, blobs: Blobs
) -> AsyncIterator[TaskRow]:
    """Yield a row for each listen that begins, due at once: what came before is looked for."""
    waited: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for each in step.subscriptions:
        waited.setdefault((each.instance, each.reference), []).append(each.shown())
    for (instance, reference), shown in waited.items():
        row = _waits(instance, reference, about, scope, due=about.now)
        packed = await blobs.pack(shown, about.run.id)
        yield replace(row, state=TaskState.LISTENING, input=packed)


async def approval_rows(
    step: Step, about: Settled, scope: str, blobs: Blobs
) -> AsyncIterator[TaskRow]:
    """Yield a row for each approval that is asked for."""
    for each in step.approvals:
        row = _waits(each.instance, each.reference, about, scope, due=NEVER)
        packed = await blobs.pack(each.form, about.run.id)
        yield replace(row, state=TaskState.ASKING, input=packed)


def assignees(each: ApprovalRequest, run: RunRow) -> Iterator[Assignee]:
    """Yield whom an approval asks, at first and from each step of its escalation on."""
    for step, names in enumerate([each.form["assignees"], *each.form["escalation"]]):
        for name in names or [""]:
            yield Assignee(run.id, each.instance, step, name)


def subscription(each: Listening, run: RunRow, scope: str) -> Subscription:
    """Return what a listen is found by."""
    return Subscription(
        shape=shape_of(each.filter).digest,
        correlation=correlation(each.expected),
        run=run.id,
        instance=each.instance,
        scope=scope,
        reference=each.reference,
        listener=listener(each.instance),
    )
