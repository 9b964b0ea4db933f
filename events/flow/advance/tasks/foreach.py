"""What a subscription does for each item it brings: of events (`listen`) or messages (`asyncapi`).

The tasks get the item for their input, one item after the other. What they give, or the item where
there are none, goes through `output.as` into the outputs of the task.

Source: serverlessworkflow/specification 1.0.3, `dsl-reference.md`, "Subscription Iterator".
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from events.flow.advance import dataflow
from events.flow.advance.arguments import runner
from events.flow.advance.frames import SEQUENCE, Frame
from events.flow.advance.happenings import Entered, Returned

if TYPE_CHECKING:
    from events.flow.advance.work import Work
    from events.flow.syntax.call import CallTask
    from events.flow.syntax.listen import ListenTask

Json = Any


def enter(work: Work, frame: Frame, task: ListenTask | CallTask, item: Json) -> Entered | Returned:
    """Bind an item, the next after those whose outputs there are, and go into the tasks."""
    if task.foreach is None:
        return Returned(item)
    name, at = task.foreach.names
    work.become(replace(frame, variables={name: item, at: len(frame.local["outputs"])}))
    if not task.foreach.do:
        return Returned(item)
    way = "/".join((frame.reference, *task.foreach_at, "do"))
    work.push(Frame(SEQUENCE, way))
    return Entered(item)


def leave(work: Work, frame: Frame, task: ListenTask | CallTask, output: Json) -> Frame:
    """Take out what came of an item, and add it to the outputs."""
    if task.foreach is not None:
        values = {"input": frame.input}
        run = runner(work, frame, output, context=work.context, **values)
        output = dataflow.taken_out(task.foreach.output, output, run, work)
        run = runner(work, frame, output, context=work.context, output=output, **values)
        work.context = dataflow.exported(task.foreach.export, work, run)
    outputs = [*frame.local["outputs"], output]
    return work.become(replace(frame.having(outputs=outputs), variables={}))
