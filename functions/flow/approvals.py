"""Approvals: what people are asked, who may answer, and what becomes of an answer.

An answer is first written, by a compare-and-set that one of several wins, and then told to the
listen; from the write on it is not lost. Who answers is who the caller says, until people have
identities: `by`, and the `groups` they are in, must have one name among the assignees.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from events.flow import schemas
from events.flow.advance.timers import TIMEOUT, escalation
from events.flow.approval import answer_event, answer_key
from events.vocabulary import approval_id, read_approval
from functions.flow.approval_views import ApprovalDetail, ApprovalView
from functions.flow.moments import moment
from functions.host.faults import Refused
from functions.host.ledger.hearing import hearing
from functions.host.ledger.rows.history import Entry
from functions.host.ledger.rows.listen import Subscription
from functions.host.ledger.rows.run import RunStatus
from functions.host.ledger.rows.task import TaskState
from functions.host.outcomes import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.host.assembly import Platform
    from functions.host.ledger.rows.task import TaskRow, Work

Json = Any
_OPEN = {RunStatus.RUNNING, RunStatus.SUSPENDED}


@dataclass(frozen=True, slots=True)
class Asked:
    """An approval with all that is known of it."""

    work: Work
    form: dict[str, Json]
    assignees: tuple[str, ...]
    """Who may answer now; nobody in particular where there are none."""
    escalated: int
    """How many steps of the escalation have been taken."""
    due: float | None
    """When the task times out, where it has a limit of its own."""
    given: dict[str, Json] | None
    """The answer, if there is one: `answer`, `by`, `at`."""

    @property
    def id(self) -> str:
        """What people know it by."""
        return approval_id(self.work.task.run, self.work.task.instance)

    @property
    def state(self) -> str:
        """`open`, `answered`, or `gone`: it was over before anybody answered."""
        if self.given is not None:
            return "answered"
        is_open = self.work.task.state is TaskState.ASKING and self.work.run.status in _OPEN
        return "open" if is_open else "gone"

    def concerns(self, names: Sequence[str]) -> bool:
        """Tell whether one of the names may answer."""
        return not self.assignees or any(name in self.assignees for name in names)


async def find(platform: Platform, name: str) -> Asked:
    """Return an approval by its id; Refused 404 where there is none."""
    where = read_approval(name)
    work = await platform.ledger.task(*where) if where else None
    if work is None or not _asks(work.task):
        reason = f"no approval {name}; GET /approvals lists those that are open"
        raise Refused(404, "Unknown approval", reason)
    return await known(platform, work, await platform.ledger.tasks(work.run.id, closed=False))


def _asks(task: TaskRow) -> bool:
    return task.state is TaskState.ASKING or (task.state is TaskState.CLOSED and not task.tool)


async def known(platform: Platform, work: Work, out: Sequence[TaskRow]) -> Asked:
    """Return what is known of an approval; `out` is what its run has out."""
    form = await platform.blobs.unpack(work.task.input)
    if not isinstance(form, dict) or "escalation" not in form:
        raise Refused(404, "Unknown approval", f"{work.task.instance} asks nobody")
    instance, timers = work.task.instance, {row.instance: row for row in out}
    steps = form["escalation"]
    taken = [n for n in range(1, len(steps) + 1) if escalation(instance, n) not in timers]
    is_open = work.task.state is TaskState.ASKING
    number = taken[-1] if taken and is_open else 0
    limit = timers.get(f"{instance}~{TIMEOUT}")
    given = None if is_open else await _given(platform, work)
    return Asked(
        work=work,
        form=form,
        assignees=tuple(steps[number - 1] if number else form["assignees"]),
        escalated=number,
        due=limit.due_at if limit else None,
        given=given,
    )


async def _given(platform: Platform, work: Work) -> dict[str, Json] | None:
    """Return the answer that the listen was told of."""
    run, instance = work.run.id, work.task.instance
    row = await platform.ledger.task(run, f"{instance}~{answer_key(run, instance)}")
    if row is None or row.task.outcome is None:
        return None
    event = Outcome.from_json(await platform.blobs.unpack(row.task.outcome)).event
    return event and event["data"]


async def waiting(platform: Platform, run_ids: Sequence[str]) -> dict[str, list[ApprovalView]]:
    """Return the open approvals that runs wait for, those of runs that they await included."""
    found: dict[str, list[ApprovalView]] = {}
    for top, work in await platform.ledger.asking_below(run_ids):
        out = await platform.ledger.tasks(work.run.id, closed=False)
        found.setdefault(top, []).append(brief(await known(platform, work, out)))
    return found


def brief(asked: Asked) -> ApprovalView:
    """Show what is asked, in short."""
    task, run = asked.work.task, asked.work.run
    return ApprovalView(
        id=asked.id,
        state=asked.state,
        run=run.id,
        flow=f"{run.namespace}/{run.name}:{run.version}",
        task=task.reference,
        title=asked.form["title"],
        assignees=list(asked.assignees),
        since=moment(task.requested_at),
        due=moment(asked.due),
        escalated=asked.escalated,
        suspended=run.status is RunStatus.SUSPENDED,
    )


def detail(asked: Asked) -> ApprovalDetail:
    """Show all of it."""
    form = asked.form
    return ApprovalDetail(
        **brief(asked).model_dump(),
        description=form["description"],
        data=form["data"],
        schema_=form["schema"],
        **(asked.given or {}),
    )


async def answer(
    platform: Platform, asked: Asked, value: Json, by: str | None, groups: Sequence[str]
) -> Asked:
    """Take an answer, and tell the task; return the approval as it then is.

    The same answer again is the same; Refused 409 where there is another, or nobody is asked any
    more, 403 where somebody else is asked, 422 where the answer does not fit its schema.
    """
    if asked.state == "open":
        _check(asked, value, by, groups)
        await _accept(platform, asked, value, by)
        asked = await find(platform, asked.id)
    if asked.given is None:
        run = asked.work.run
        reason = "timed out, or its task was cut off"
        reason = reason if run.status in _OPEN else f"run {run.id} is {run.status}"
        raise Refused(409, "Gone", f"approval {asked.id} is not open any more: {reason}")
    if (asked.given["answer"], asked.given["by"]) != (value, by):
        reason = f"approval {asked.id} was answered at {asked.given['at']}"
        who = f" by {asked.given['by']}" if asked.given["by"] else ""
        raise Refused(409, "Already answered", f"{reason}{who}; GET it to see how")
    return asked


def _check(asked: Asked, value: Json, by: str | None, groups: Sequence[str]) -> None:
    names = [*([by] if by else ()), *groups]
    if names and not asked.concerns(names):
        reason = f"approval {asked.id} is for {', '.join(asked.assignees)}, not for {names[0]}"
        raise Refused(403, "Not an assignee", reason)
    if asked.form["schema"] is None:
        return
    try:
        schemas.validate(asked.form["schema"], value, "answer")
    except schemas.ValidationFault as fault:
        detail = fault.problem.detail or "the answer does not fit its schema"
        raise Refused(422, "Answer refused", detail, pointer=f"/answer{fault.path}") from fault


async def _accept(platform: Platform, asked: Asked, value: Json, by: str | None) -> None:
    """Write the answer, if nobody was faster, and go on from there; if we die, the clock does."""
    task, run, now = asked.work.task, asked.work.run, platform.clock()
    at = datetime.fromtimestamp(now, UTC)
    event = answer_event(asked.form, run.id, task.instance, value, by, at)
    outcome = await platform.blobs.pack(Outcome(event=event).to_json(), run.id)
    listens = Subscription("", "", run.id, task.instance, task.scope, task.reference, "")
    row = hearing(listens, answer_key(run.id, task.instance), outcome, now)
    entry = Entry("approval.answered", now, task.reference, task.instance, {"by": by})
    if await platform.ledger.answer(task, row, entry):
        opened = await platform.settler.hear(row)
        await platform.emitter.emit(run, opened, reply=False)
