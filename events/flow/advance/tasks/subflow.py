"""Run a workflow: another flow as a run of its own, linked to this one.

Where the specification leaves room: which flow is run is said in words, not by expressions, so
that it can be known before a run; its input may be anything, as the reference says and the schema
does not; without one it gets the empty object, as every run that nobody gave one; a flow that is
not awaited has been started when the task goes on, so that one that cannot be started is an error
of the task. `return` speaks of a process's streams: a flow has its output alone, which `none`
leaves out.

Source: serverlessworkflow/specification 1.0.3, `dsl-reference.md`, "Run" and "Workflow Process".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from events.flow.advance import template
from events.flow.effects import ChildRequest

if TYPE_CHECKING:
    from events.flow.advance.frames import Frame
    from events.flow.advance.work import Work
    from events.flow.syntax.run import Subflow


def request(work: Work, frame: Frame, asked: Subflow, *, awaited: bool) -> None:
    """Ask for the run; what ends the task is its end, or its start."""
    child = ChildRequest(
        frame.instance,
        frame.reference,
        asked.namespace,
        asked.name,
        asked.version,
        template.resolved(work, frame, {} if asked.input is None else asked.input),
        awaited=awaited,
    )
    work.children.append(child)
    flow = f"{child.namespace}/{child.name}:{child.version}"
    work.record("task.requested", frame, flow=flow, awaited=child.awaited)
