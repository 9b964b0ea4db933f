"""Approval: a listen whose one event is a person's answer, and who is asked while it waits.

The answer comes from the authenticated API as an event made by the host, never from the broker:
there is no subscription that an event could be found by. A limit of time is the task's `timeout`.
What each step of the escalation says replaces who was asked before; steps count from when the task
began to ask.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from events.errors import ErrorType, ToolError
from events.flow import correlate
from events.flow.advance import durations, template, timers
from events.flow.advance.arguments import runner
from events.flow.advance.pointers import task_at
from events.flow.advance.tasks.emit import event_id
from events.flow.effects import ApprovalRequest, EventEmission, TimerRequest
from events.flow.expressions import as_text, shown
from events.times import rfc3339
from events.vocabulary import APPROVAL_ESCALATED, APPROVAL_REQUESTED, approval_id

if TYPE_CHECKING:
    from events.flow.advance.frames import Frame
    from events.flow.advance.happenings import Due
    from events.flow.advance.work import Work
    from events.flow.syntax.approval import Form
    from events.flow.syntax.listen import ListenTask

Json = Any


def ask(work: Work, frame: Frame, form: Form) -> None:
    """Ask people, and set the timers by which others are asked."""
    steps = form.escalation or ()
    asked = {
        "type": _type(work, frame),
        "title": _text(work, frame, form.title),
        "description": _text(work, frame, form.description),
        "data": template.resolved(work, frame, form.data),
        "schema": form.schema_,
        "assignees": _names(work, frame, form.assignees, "assignees"),
        "escalation": [
            _names(work, frame, each.assignees, f"escalation[{index}].assignees")
            for index, each in enumerate(steps)
        ],
    }
    run = runner(work, frame, frame.input, context=work.context, input=frame.input)
    dues = [work.facts.now + durations.span(each.after, run, work.facts.now) for each in steps]
    names = [timers.escalation(frame.instance, index + 1) for index in range(len(steps))]
    for name, due in zip(names, dues, strict=True):
        work.timers.append(TimerRequest(name, frame.reference, due))
    frame = frame.having(expected=[{}], outputs=[], steps=asked["escalation"], asked=0)
    frame = work.become(replace(frame, timers=[*frame.timers, *names]))
    work.approvals.append(ApprovalRequest(frame.instance, frame.reference, asked))
    shown_ = {name: asked[name] for name in ("title", "assignees")}
    work.record("task.listening", frame, to=[{"with": {"type": asked["type"]}}], approval=shown_)
    _tell(work, frame, APPROVAL_REQUESTED, frame.instance, asked["assignees"])


def escalate(work: Work, frame: Frame, _: Due) -> None:
    """Ask those whom the last step that is due names."""
    steps = frame.local["steps"]
    number = max(
        index
        for index in range(1, len(steps) + 1)
        if timers.escalation(frame.instance, index) not in frame.timers
    )
    if number <= frame.local["asked"]:
        return  # this step was due before one that has been told already
    frame = work.become(frame.having(asked=number))
    assignees = steps[number - 1]
    work.record("task.escalated", frame, step=number, assignees=assignees)
    name = timers.escalation(frame.instance, number)
    _tell(work, frame, APPROVAL_ESCALATED, name, assignees)


def _tell(work: Work, frame: Frame, kind: str, name: str, assignees: Json) -> None:
    """Tell the broker who is asked, for those who send mails about it; it may be lost."""
    document = work.flow.document
    attributes: dict[str, str | int | bool] = {
        "specversion": "1.0",
        "id": event_id(work.facts.run_id, f"{kind}\n{name}"),
        "source": f"/flows/{document.namespace}/{document.name}",
        "type": kind,
        "subject": frame.instance,
        "time": rfc3339(work.facts.now, "auto"),
    }
    run = work.facts.run_id
    data = {
        "approval": approval_id(run, frame.instance),
        "run": run,
        "task": frame.reference,
        "assignees": assignees,
    }
    work.emissions.append(EventEmission(f"{name}~told", attributes, data, has_data=True))


def _type(work: Work, frame: Frame) -> str:
    """Return the type of the event that the answer is."""
    wanted = cast("ListenTask", task_at(work.flow, frame.reference)).listen.to.one
    kind = None if wanted is None else correlate.exact_type(wanted)
    if kind is None:
        reason = "listen.to.one.with.type of a task with a form must be the one type of the answer"
        raise ToolError(reason, type=ErrorType.CONFIGURATION)
    return kind


def _text(work: Work, frame: Frame, given: str | None) -> str | None:
    return None if given is None else as_text(template.resolved(work, frame, given))


def _names(work: Work, frame: Frame, given: Json, what: str) -> list[str]:
    """Return who is meant: nobody in particular where nothing is said."""
    if given is None:
        return []
    found = template.resolved(work, frame, given if isinstance(given, str) else list(given))
    names = [found] if isinstance(found, str) else found
    if not isinstance(names, list) or not all(isinstance(n, str) and n for n in names) or not names:
        reason = f"{what} of the form must give names, at least one; not {shown(as_text(found))}"
        raise ToolError(reason, type=ErrorType.VALIDATION)
    return names
