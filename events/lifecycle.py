"""The lifecycle events of the Serverless Workflow DSL: their types, payloads and envelope.

Where the specification leaves room: an event's source is the flow's path and its subject the run
or, of a task, the task's instance, which tells the visits of a loop apart. `correlationid` and
`partitionkey` are the run, `sequence` orders a run's events as texts. A task's `output`, which is
optional, is left out: it is in the run's history or nowhere.

Source: serverlessworkflow/specification 1.0.3, `dsl.md` and `dsl-reference.md`, "Lifecycle Events".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from events.envelope import Event, create
from events.times import rfc3339
from events.vocabulary import LIFECYCLE_PREFIX, identify


class Payload(BaseModel):
    """The data of one type of event; `TYPE` is the type without prefix and version."""

    model_config = ConfigDict(
        defer_build=True,  # where nobody hears them none is ever made
        extra="forbid",
        frozen=True,
        alias_generator=to_camel,
        populate_by_name=True,
    )
    TYPE: ClassVar[str]
    STATUS: ClassVar[str | None] = None
    """The status phase that it tells of, if it tells of one."""


class OfWorkflow(Payload):
    """What all events about a workflow carry."""

    name: str
    """The qualified name: `{name}-{run}.{namespace}`."""


class OfTask(Payload):
    """What all events about a task carry."""

    workflow: str
    """The qualified name of its workflow."""
    task: str
    """A JSON pointer to the task's definition."""


class DefinitionReference(BaseModel):
    """The definition that a workflow is made of."""

    name: str
    namespace: str
    version: str


class Error(BaseModel):
    """The error of a fault: a problem of RFC 7807."""

    type: str
    status: int
    title: str | None = None
    detail: str | None = None
    instance: str | None = None


class WorkflowStarted(OfWorkflow):
    """A workflow has started."""

    TYPE, STATUS = "workflow.started", "running"
    definition: DefinitionReference
    started_at: datetime


class WorkflowSuspended(OfWorkflow):
    """A workflow's execution has been suspended."""

    TYPE, STATUS = "workflow.suspended", "suspended"
    suspended_at: datetime


class WorkflowResumed(OfWorkflow):
    """A workflow's execution has been resumed."""

    TYPE, STATUS = "workflow.resumed", "running"
    resumed_at: datetime


class WorkflowCorrelationStarted(OfWorkflow):
    """A workflow has started to correlate events."""

    TYPE = "workflow.correlation-started"
    started_at: datetime


class WorkflowCorrelationCompleted(OfWorkflow):
    """A workflow has completed a correlation."""

    TYPE = "workflow.correlation-completed"
    completed_at: datetime
    correlation_keys: dict[str, Any] | None = None


class WorkflowCancelled(OfWorkflow):
    """A workflow's execution has been cancelled."""

    TYPE, STATUS = "workflow.cancelled", "cancelled"
    cancelled_at: datetime


class WorkflowFaulted(OfWorkflow):
    """A workflow has faulted."""

    TYPE, STATUS = "workflow.faulted", "faulted"
    faulted_at: datetime
    error: Error


class WorkflowCompleted(OfWorkflow):
    """A workflow ran to completion."""

    TYPE, STATUS = "workflow.completed", "completed"
    completed_at: datetime
    output: Any = None


class WorkflowStatusChanged(OfWorkflow):
    """A workflow's status phase has changed; optional, and without any detail."""

    TYPE = "workflow.status-changed"
    updated_at: datetime
    status: str


class TaskCreated(OfTask):
    """A task has been created."""

    TYPE, STATUS = "task.created", "pending"
    created_at: datetime


class TaskStarted(OfTask):
    """A task has started."""

    TYPE, STATUS = "task.started", "running"
    started_at: datetime


class TaskSuspended(OfTask):
    """A task's execution has been suspended."""

    TYPE, STATUS = "task.suspended", "suspended"
    suspended_at: datetime


class TaskResumed(OfTask):
    """A task's execution has been resumed."""

    TYPE, STATUS = "task.resumed", "running"
    resumed_at: datetime


class TaskRetried(OfTask):
    """A task's execution is being retried."""

    TYPE = "task.retried"
    retried_at: datetime


class TaskCancelled(OfTask):
    """A task's execution has been cancelled."""

    TYPE, STATUS = "task.cancelled", "cancelled"
    cancelled_at: datetime


class TaskFaulted(OfTask):
    """A task has faulted."""

    TYPE, STATUS = "task.faulted", "faulted"
    faulted_at: datetime
    error: Error


class TaskCompleted(OfTask):
    """A task ran to completion."""

    TYPE, STATUS = "task.completed", "completed"
    completed_at: datetime
    output: Any = None


class TaskStatusChanged(OfTask):
    """A task's status phase has changed; optional, and without any detail."""

    TYPE = "task.status-changed"
    updated_at: datetime
    status: str


PAYLOADS: Final[tuple[type[Payload], ...]] = (
    WorkflowStarted, WorkflowSuspended, WorkflowResumed, WorkflowCorrelationStarted,
    WorkflowCorrelationCompleted, WorkflowCancelled, WorkflowFaulted, WorkflowCompleted,
    WorkflowStatusChanged, TaskCreated, TaskStarted, TaskSuspended, TaskResumed, TaskRetried,
    TaskCancelled, TaskFaulted, TaskCompleted, TaskStatusChanged,
)  # fmt: skip
"""Every type that the specification defines."""


@dataclass(frozen=True, slots=True)
class Workflow:
    """The run that events speak of."""

    namespace: str
    name: str
    version: str
    run: str
    trace: str
    """32 hex digits: the trace that every hop of the run belongs to."""

    @property
    def qualified(self) -> str:
        """The name that tells runs of one flow apart, as the specification's examples have it."""
        return f"{self.name}-{self.run}.{self.namespace}"

    @property
    def definition(self) -> DefinitionReference:
        """The reference to the flow."""
        return DefinitionReference(name=self.name, namespace=self.namespace, version=self.version)


def type_of(payload: type[Payload]) -> str:
    """Return the CloudEvents type that carries such data."""
    return f"{LIFECYCLE_PREFIX}{payload.TYPE}.v1"


def lifecycle_event(
    payload: Payload, of: Workflow, *, at: datetime, subject: str, sequence: str
) -> Event:
    """Return the event; the same run and sequence give the same event, id and all.

    `subject` is the run or a task's instance; `sequence` is unique in the run.
    """
    identity = identify("lifecycle", of.run, sequence)
    return create(
        id=identity,
        source=f"/flows/{of.namespace}/{of.name}",
        type=type_of(type(payload)),
        data=payload.model_dump_json(by_alias=True, exclude_none=True).encode(),
        datacontenttype="application/json",
        subject=subject,
        time=rfc3339(at),
        correlationid=of.run,
        partitionkey=of.run,
        sequence=sequence,
        traceparent=f"00-{of.trace}-{identity[:16]}-01",
    )
