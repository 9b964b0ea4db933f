"""What a run's history says as lifecycle events; pure.

The history is the truth, and an event is made of nothing else: telling a line again is the same
event. Kinds of lines that are not here are nobody's business but the run's.

Where the specification leaves room: a task that a tool does is created when the flow reaches it
and started when the tool takes it up; any other is both at once. A skipped task is neither. A
retry, of a try or by the platform, is told when it is decided. Suspending, resuming and
cancelling a run does the same to every task that has been created and has not ended; so does the
end of a fork, and a timeout, to the tasks that they cut off; what else a fault of a run leaves has
faulted with it. A faulted run that is redriven is resumed, its task retried, and the tasks are
resumed that ended by its fault. A workflow correlates while one of its tasks listens. What the
schedule of a flow correlates has no workflow yet that could be named: the events that a run begins
with are told by its start ("`schedule.on` solely manages the creation of new workflow instances",
`dsl.md`). A task's output is not told, a run's is where it is small.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import orjson

from events import lifecycle
from events.lifecycle import Workflow, lifecycle_event
from functions.flow.standing import OF_ALL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from events.envelope import Event
    from events.lifecycle import Payload
    from functions.flow.standing import Open
    from functions.host.ledger.rows.history import Entry, Line

    Made = tuple[Payload, str]
    """A payload, and the subject of its event."""

WORKFLOWS: Final = (
    "run.started", "run.suspended", "run.resumed", "run.cancelled", "run.faulted",
    "run.completed", "redriven", "task.listening", "task.correlated",
)  # fmt: skip
"""The kinds of lines that say something of the workflow."""
TASKS: Final = (
    "task.started", "task.claimed", "task.waiting", "task.retried", "task.retrying",
    "task.cancelled", "task.faulted", "task.completed", "branches.cancelled",
)  # fmt: skip
"""Those that say something of its tasks alone."""


def lifecycle_events(
    line: Line, open_tasks: Sequence[Open], *, tasks: bool, statuses: bool
) -> list[Event]:
    """Return the events that a line is told by.

    Args:
        line: What happened.
        open_tasks: For a line of OF_ALL, the tasks that it is about.
        tasks: Whether events about tasks are wanted.
        statuses: Whether the optional `status-changed` events are wanted too.
    """
    of = Workflow(line.namespace, line.name, line.version, line.run, line.trace)
    at = datetime.fromtimestamp(line.entry.at, UTC)
    made = list(_of_workflow(line, of, at))
    if tasks:
        of_tasks = list(_of_tasks(line.entry, open_tasks, of, at))
        # a workflow is suspended or ended when its tasks are, and resumed before them
        before = line.entry.kind in {"run.suspended", "run.cancelled", "run.faulted"}
        made = [*of_tasks, *made] if before else [*made, *of_tasks]
    if statuses:
        made = [each for one in made for each in _with_status(one, at)]
        made += _waiting(line.entry, of, at) if tasks else ()
    return [
        lifecycle_event(
            payload, of, at=at, subject=subject, sequence=f"{line.seq:08d}-{number:04d}"
        )
        for number, (payload, subject) in enumerate(made)
    ]


def _of_workflow(line: Line, of: Workflow, at: datetime) -> Iterator[Made]:
    make = _WORKFLOW.get(line.entry.kind)
    if make:
        yield make(line, of, at), of.run


_WORKFLOW: Final[dict[str, Callable[[Line, Workflow, datetime], Payload]]] = {
    "run.started": lambda _, of, at: lifecycle.WorkflowStarted(
        name=of.qualified, definition=of.definition, started_at=at
    ),
    "run.suspended": lambda _, of, at: lifecycle.WorkflowSuspended(
        name=of.qualified, suspended_at=at
    ),
    "run.resumed": lambda _, of, at: lifecycle.WorkflowResumed(name=of.qualified, resumed_at=at),
    "redriven": lambda _, of, at: lifecycle.WorkflowResumed(name=of.qualified, resumed_at=at),
    "run.cancelled": lambda _, of, at: lifecycle.WorkflowCancelled(
        name=of.qualified, cancelled_at=at
    ),
    "run.faulted": lambda line, of, at: lifecycle.WorkflowFaulted(
        name=of.qualified, faulted_at=at, error=_error(line.entry)
    ),
    "task.listening": lambda _, of, at: lifecycle.WorkflowCorrelationStarted(
        name=of.qualified, started_at=at
    ),
    "task.correlated": lambda line, of, at: lifecycle.WorkflowCorrelationCompleted(
        name=of.qualified, completed_at=at, correlation_keys=line.entry.detail.get("keys") or None
    ),
    "run.completed": lambda line, of, at: lifecycle.WorkflowCompleted(
        name=of.qualified, completed_at=at, output=_small(line.output)
    ),
}


def _error(entry: Entry) -> lifecycle.Error:
    return lifecycle.Error.model_validate(entry.detail["problem"])


def _small(packed: str | None) -> Any:
    """Return a packed value unless it lies in the object store."""
    return None if packed is None or packed.startswith("@") else orjson.loads(packed)


def _of_tasks(
    entry: Entry, open_tasks: Sequence[Open], of: Workflow, at: datetime
) -> Iterator[Made]:
    concerned = open_tasks if entry.kind in OF_ALL else [(entry.reference, entry.instance)]
    for reference, instance in concerned:
        if entry.kind == "redriven" and instance != entry.instance:
            yield _resumed(of.qualified, reference, at), instance
            continue
        for payload in _of_task(entry, of.qualified, reference, at):
            yield payload, instance


def _of_task(entry: Entry, workflow: str, task: str, at: datetime) -> Iterator[Payload]:
    if entry.kind == "task.started":
        yield lifecycle.TaskCreated(workflow=workflow, task=task, created_at=at)
    if _starts(entry):
        yield lifecycle.TaskStarted(workflow=workflow, task=task, started_at=at)
    elif entry.kind in {"task.faulted", "run.faulted"}:
        yield lifecycle.TaskFaulted(
            workflow=workflow, task=task, faulted_at=at, error=_error(entry)
        )
    elif entry.kind in _TASK:
        yield _TASK[entry.kind](workflow, task, at)


def _starts(entry: Entry) -> bool:
    if entry.kind == "task.claimed":
        return entry.detail.get("attempt") == 1 and "claims" not in entry.detail
    return entry.kind == "task.started" and not entry.detail.get("pending")


def _suspended(workflow: str, task: str, at: datetime) -> Payload:
    return lifecycle.TaskSuspended(workflow=workflow, task=task, suspended_at=at)


def _resumed(workflow: str, task: str, at: datetime) -> Payload:
    return lifecycle.TaskResumed(workflow=workflow, task=task, resumed_at=at)


def _retried(workflow: str, task: str, at: datetime) -> Payload:
    return lifecycle.TaskRetried(workflow=workflow, task=task, retried_at=at)


def _cancelled(workflow: str, task: str, at: datetime) -> Payload:
    return lifecycle.TaskCancelled(workflow=workflow, task=task, cancelled_at=at)


def _completed(workflow: str, task: str, at: datetime) -> Payload:
    return lifecycle.TaskCompleted(workflow=workflow, task=task, completed_at=at)


_TASK: Final[dict[str, Callable[[str, str, datetime], Payload]]] = {
    "run.suspended": _suspended,
    "run.resumed": _resumed,
    "run.cancelled": _cancelled,
    "redriven": _retried,
    "task.retried": _retried,
    "task.retrying": _retried,
    "task.cancelled": _cancelled,
    "task.completed": _completed,
    "branches.cancelled": _cancelled,
}


def _with_status(made: Made, at: datetime) -> Iterator[Made]:
    """Yield an event, and the status phase that it brings."""
    payload, subject = made
    yield made
    if payload.STATUS is None:
        return
    if isinstance(payload, lifecycle.OfWorkflow):
        changed: Payload = lifecycle.WorkflowStatusChanged(
            name=payload.name, updated_at=at, status=payload.STATUS
        )
    else:
        assert isinstance(payload, lifecycle.OfTask)
        changed = _status(payload.workflow, payload.task, at, payload.STATUS)
    yield changed, subject


def _waiting(entry: Entry, of: Workflow, at: datetime) -> list[Made]:
    """Return the one status phase that no other event tells of."""
    if entry.kind not in {"task.waiting", "task.listening"}:
        return []
    return [(_status(of.qualified, entry.reference, at, "waiting"), entry.instance)]


def _status(workflow: str, task: str, at: datetime, status: str) -> Payload:
    return lifecycle.TaskStatusChanged(workflow=workflow, task=task, updated_at=at, status=status)
