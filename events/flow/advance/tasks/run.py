"""Run: a container, a script or a shell command, by the tool of that name.

Where the specification leaves room: a process that is not awaited is started before the task goes
on; a container without a name gets the one that the reference recommends, the same at each attempt.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, cast

from events.flow import authentications
from events.flow.advance.happenings import Answered, Entered, Produced
from events.flow.advance.pointers import task_at
from events.flow.advance.tasks import call, subflow
from events.flow.effects import TaskRequest
from events.flow.syntax.run import PROCESSES

if TYPE_CHECKING:
    from events.flow.advance.frames import Frame
    from events.flow.advance.work import Work
    from events.flow.syntax.run import Process, RunTask

Json = Any


def request(work: Work, frame: Frame, _: Entered) -> None:
    """Request the process, or another flow's run; nothing more happens here until an answer."""
    process = cast("RunTask", task_at(work.flow, frame.reference)).run
    if process.workflow is not None:
        subflow.request(work, frame, process.workflow, awaited=process.await_ is not False)
        return
    kind = next(name for name in PROCESSES if getattr(process, name) is not None)
    given = authentications.given(kind, _given(process, kind), work.flow.policies)
    data, left = call.arguments(work, frame, given, (("source", "endpoint"),))
    if kind == "container":
        data = {"name": _name(work, frame), **data}
    work.requests.append(TaskRequest(frame.instance, frame.reference, kind, "", data, left))
    work.record("task.requested", frame, function=kind, version="")


def answered(work: Work, frame: Frame, answer: Answered) -> Produced:
    """Take what the process gave for the task's output; not awaited, it gives the input."""
    process = cast("RunTask", task_at(work.flow, frame.reference)).run
    if process.await_ is False:
        return Produced(frame.input)
    return Produced(None if process.return_ == "none" else answer.output)


def _given(process: Process, kind: str) -> dict[str, Json]:
    given = process.definition()
    inside: dict[str, Json] = given.pop(kind)
    return inside | given  # `await` and `return` belong to the process whatever it is


def _name(work: Work, frame: Frame) -> str:
    document = work.flow.document
    key = hashlib.sha256(f"{work.facts.run_id}\n{frame.instance}".encode()).hexdigest()[:32]
    task = re.sub(r"[^A-Za-z0-9_.-]", "-", frame.reference.rpartition("/")[2])
    return f"{document.name}-{key}.{document.namespace}-{task}"
