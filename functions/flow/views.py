"""What the API shows: the ledger's rows as people and programs read them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field

from functions.flow.approval_views import ApprovalView
from functions.host.ledger.rows.task import NEVER
from functions.host.outcomes import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.host.blobs import Blobs
    from functions.host.ledger.rows.budget import Budget, Spend
    from functions.host.ledger.rows.flow import FlowRow
    from functions.host.ledger.rows.history import Entry
    from functions.host.ledger.rows.letter import Letter
    from functions.host.ledger.rows.run import RunRow
    from functions.host.ledger.rows.task import TaskRow


def moment(seconds: float | None, timespec: str = "milliseconds") -> str | None:
    """Return an RFC 3339 time; None for one that is unknown or never comes."""
    if seconds is None or seconds == NEVER:
        return None
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec=timespec)
    return text.replace("+00:00", "Z")


class FlowView(BaseModel):
    """One deployed version."""

    namespace: str
    name: str
    version: str
    digest: str
    title: str = ""
    deployedAt: str | None = None  # noqa: N815 - JSON's case


class FlowDetail(FlowView):
    """One deployed version with its text."""

    definition: dict[str, Any]
    source: str
    versions: list[str]
    functions: dict[str, str] = Field(description="the functions it calls, pinned")
    imports: dict[str, Any] = Field(description="what it refers to elsewhere, as it was then")


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
    status: str
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


class SpendView(BaseModel):
    """What was used, or is set aside."""

    calls: int
    tokens: int
    cost: float


class BudgetView(BaseModel):
    """What a run, and those it started, may use; null is no limit."""

    run: str = Field(description="the run that the budget began with")
    calls: int | None
    tokens: int | None
    cost: float | None
    until: str | None
    used: SpendView
    setAside: SpendView = Field(description="for the calls that are being made")  # noqa: N815


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


class EntryView(BaseModel):
    """One line of a run's history."""

    seq: int
    at: str | None
    kind: str
    task: str = ""
    instance: str = ""
    detail: dict[str, Any] = {}


class LetterView(BaseModel):
    """One dead letter."""

    id: str
    status: str
    reason: str
    code: int
    storedAt: str | None  # noqa: N815 - JSON's case
    trigger: str
    run: str | None = None
    task: str | None = None
    tool: str | None = None
    flow: str | None = None
    event: dict[str, Any]


def flow_view(row: FlowRow) -> FlowView:
    """Show a version."""
    return FlowView(
        namespace=row.namespace,
        name=row.name,
        version=row.version,
        digest=row.digest,
        title=row.title,
        deployedAt=moment(row.deployed_at),
    )


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
        budget=_budget_view(budget) if budget else None,
    )


def _budget_view(row: Budget) -> BudgetView:
    return BudgetView(
        run=row.run,
        calls=row.calls,
        tokens=row.tokens,
        cost=row.cost,
        until=moment(row.until),
        used=_spend_view(row.used),
        setAside=_spend_view(row.held),
    )


def _spend_view(spend: Spend) -> SpendView:
    # to a millionth: sums of prices are not exact
    return SpendView(calls=spend.calls, tokens=spend.tokens, cost=round(spend.cost, 6))


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


def entry_view(seq: int, entry: Entry) -> EntryView:
    """Show a history entry, at the very time that the run's expressions saw."""
    return EntryView(
        seq=seq,
        at=moment(entry.at, "microseconds"),
        kind=entry.kind,
        task=entry.reference,
        instance=entry.instance,
        detail=entry.detail,
    )


def letter_view(row: Letter, *, whole: bool) -> LetterView:
    """Show a letter; its event in full only when asked for one."""
    shown = ("id", "source", "type", "subject")
    event = row.event if whole else {k: row.event[k] for k in shown if k in row.event}
    return LetterView(
        id=row.id,
        status=row.status,
        reason=row.reason,
        code=row.code,
        storedAt=moment(row.stored_at),
        trigger=row.trigger,
        run=row.run,
        task=row.instance,
        tool=row.tool,
        flow=row.flow,
        event=event,
    )
