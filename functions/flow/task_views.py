"""What the API shows of the tasks that a run asked for, and of the events that came for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field

from functions.flow.moments import moment
from functions.host.outcomes import Outcome

if TYPE_CHECKING:
    from functions.host.blobs import Blobs
    from functions.host.ledger.rows.task import TaskRow


class HeardView(BaseModel):
    """One event that a task which listens was told of; the history says whether it wanted it."""

    task: str
    at: str | None = Field(description="when the event came")
    event: dict[str, Any]


class TaskView(BaseModel):
    """One task that a tool was asked for, as it was rendered, and what became of it."""

    task: str
    instance: str
    tool: str
    version: str
    state: str = Field(description="closed, or where it stands")
    attempt: int = Field(description="how many attempts there have been, this one included")
    requestedAt: str | None  # noqa: N815 - JSON's case
    input: Any
    outcome: dict[str, Any] | None = Field(
        description="`output`, or `error` (RFC 7807); null where no outcome stands: the task is "
        "out, or was closed before its time"
    )


class TasksView(BaseModel):
    """What a run asked for, and which events came for it."""

    tasks: list[TaskView]
    heard: list[HeardView]


async def heard_view(row: TaskRow, blobs: Blobs) -> HeardView | None:
    """Show an event that a listen was told of; None for every other row."""
    if row.tool or not row.outcome:
        return None
    outcome = Outcome.from_json(await blobs.unpack(row.outcome))
    if outcome.event is None:
        return None
    at = moment(row.requested_at, "microseconds")
    return HeardView(task=row.reference, at=at, event=outcome.event)


async def task_view(row: TaskRow, blobs: Blobs) -> TaskView:
    """Show a task with its values loaded."""
    return TaskView(
        task=row.reference,
        instance=row.instance,
        tool=row.tool,
        version=row.version,
        state=row.state,
        attempt=row.attempt,
        requestedAt=moment(row.requested_at, "microseconds"),
        input=await blobs.unpack(row.input),
        outcome=await _outcome_view(row, blobs),
    )


async def _outcome_view(row: TaskRow, blobs: Blobs) -> dict[str, Any] | None:
    if row.outcome is None:
        return None
    outcome = Outcome.from_json(await blobs.unpack(row.outcome))
    return {"error": outcome.problem.to_json()} if outcome.problem else {"output": outcome.output}
