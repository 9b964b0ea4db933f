"""What the API shows of runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field

from functions.flow.approval_views import ApprovalView
from functions.flow.budget_views import BudgetView, budget_view
from functions.flow.moments import moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.host.blobs import Blobs
    from functions.host.ledger.rows.budget import Budget
    from functions.host.ledger.rows.run import RunRow
    from functions.host.ledger.rows.task import TaskRow


class ParentView(BaseModel):
    """The run that started another, and its task that did."""

    run: str
    instance: str
    awaits: bool = Field(description="whether the task waits for the other run's end")


class ChildView(BaseModel):
    """A run that another one started."""

    run: str
    flow: str
    status: str
    instance: str = Field(description="the task that started it")
    awaited: bool


class RunView(BaseModel):
    """One run; `output` when it completed, `error` (RFC 7807) when it faulted."""

    id: str
    flow: str
    status: str = Field(
        description="running, waiting (for a time, an event or people), suspended, cancelled, "
        "faulted or completed"
    )
    input: Any = None
    output: Any = None
    error: dict[str, Any] | None = None
    startedAt: str | None = None  # noqa: N815 - JSON's case
    endedAt: str | None = None  # noqa: N815 - JSON's case
    parent: ParentView | None = Field(None, description="the run that started it, if one did")
    approvals: list[ApprovalView] = Field(
        [], description="what people are asked before it can go on, by it or by runs it awaits"
    )
    archived: bool = Field(
        default=False,
        description="whether the archive has it; a list then shows neither input nor output",
    )


class OpenView(BaseModel):
    """One thing that a run has out: a task of a tool, a run of another flow, or a timer."""

    task: str
    instance: str
    state: str = Field(
        description="requested, claimed, recorded, retrying, waiting (a timer), starting or "
        "awaiting (a run of another flow), listening, or asking (people)"
    )
    tool: str | None = None
    attempt: int
    since: str | None
    due: str | None = Field(description="when something happens to it by itself")
    child: ChildView | None = Field(None, description="the run that it awaits")
    events: list[dict[str, Any]] | None = Field(
        None, description="what a listen waits for: filters, and the values that they expect"
    )


class RunDetail(RunView):
    """One run, and what it waits for."""

    open: list[OpenView] = []
    children: list[ChildView] = Field([], description="the runs that it started")
    redriveOf: str | None = Field(  # noqa: N815 - JSON's case
        default=None, description="the run of an older version that this one redrives"
    )
    redrivenAs: list[str] = Field(  # noqa: N815 - JSON's case
        default=[], description="the runs of newer versions that redrive this one"
    )
    budget: BudgetView | None = Field(None, description="the one that it draws on, if any")


async def run_view(row: RunRow, blobs: Blobs) -> RunView:
    """Show a run with its values loaded."""
    return RunView(
        id=row.id,
        flow=row.flow,
        status=row.status,
        input=await blobs.unpack(row.input),
        output=await blobs.unpack(row.output) if row.output is not None else None,
        error=row.error,
        startedAt=moment(row.started_at),
        endedAt=moment(row.ended_at),
        parent=ParentView(run=row.parent, instance=row.caller, awaits=row.awaited)
        if row.parent
        else None,
        archived=row.archived,
    )


async def run_detail(
    row: RunRow,
    tasks: Sequence[TaskRow],
    children: Sequence[RunRow],
    successors: Sequence[str],
    budget: Budget | None,
    blobs: Blobs,
) -> RunDetail:
    """Show a run with its children and its open tasks; a run that ended has none of these.

    `successors` redrive it.
    """
    view = await run_view(row, blobs)
    out = [] if row.ended_at is not None else tasks
    started = [_child_view(child) for child in children]
    awaited = {each.instance: each for each in started if each.awaited}
    opened = [await _open_view(task, awaited.get(task.instance), blobs) for task in out]
    return RunDetail(
        **view.model_dump(),
        open=opened,
        children=started,
        redriveOf=row.origin,
        redrivenAs=list(successors),
        budget=budget_view(budget) if budget else None,
    )


def _child_view(row: RunRow) -> ChildView:
    return ChildView(
        run=row.id,
        flow=row.flow,
        status=row.status,
        instance=row.caller,
        awaited=row.awaited,
    )


async def _open_view(task: TaskRow, child: ChildView | None, blobs: Blobs) -> OpenView:
    listens = task.state == "listening"
    return OpenView(
        task=task.reference,
        instance=task.instance,
        state=task.state,
        tool=task.tool or None,
        attempt=task.attempt,
        since=moment(task.requested_at),
        due=None if listens else moment(task.due_at),
        child=child,
        events=await blobs.unpack(task.input) if listens else None,
    )
