"""A call of `asyncapi` with `foreach`: messages are consumed, and tasks are done for each of them.

The tool consumes; what a call of it brought is the queue of which the tasks are done for one
message after the other. A subscription that outlasts a call of the tool (its operator says when one
ends) goes on in another call, once the tasks are done for all that came.

Where the specification leaves room: messages wait in a queue while tasks are done, and `while` and
`until` are evaluated as messages are consumed. So these decide on the messages, and not on what
the tasks did with those before, which would depend on who is faster. While the tasks are done
nobody consumes: what comes then is the broker's to keep, as is what comes between two attempts.
`for` limits the time in which messages are consumed, without that of the tasks. Where the server
ends the stream too early, the tasks are done for what came before that is the task's error.

Source: serverlessworkflow/specification 1.0.3, `dsl-reference.md`, "AsyncAPI Subscription".
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

from events.errors import ErrorType, Problem, TendrilError, ToolError
from events.flow.advance.frames import CONSUMPTION, Frame
from events.flow.advance.happenings import Heard, Produced
from events.flow.advance.pointers import task_at
from events.flow.advance.tasks import call, foreach

if TYPE_CHECKING:
    from events.flow.advance.happenings import Answered, Entered, Returned
    from events.flow.advance.work import Work
    from events.flow.syntax.call import CallTask


def begin(work: Work, frame: Frame, _: Entered) -> None:
    """Ask for the first messages; nothing more happens here until they have come."""
    _consume(work, work.become(frame.having(messages=[], outputs=[])), frame.instance)


def consumed(work: Work, _: Frame, answer: Answered) -> Heard | Produced | None:
    """Take what a call of the tool has consumed."""
    match answer.output:
        case {"messages": list() as messages, "seconds": seconds, "over": bool() as over}:
            error = answer.output.get("error")
        case _:
            reason = "the tool did not give `messages`, `seconds` and whether it is `over`"
            raise ToolError(reason, type=ErrorType.RUNTIME)
    asking, frame = work.pop(), work.stack[-1]
    if asking.is_task:
        work.record("task.completed", asking)
    known = [*frame.local["messages"], *messages]
    after = frame.having(messages=known, seconds=seconds, over=over, error=error)
    return _next(work, work.become(after))


def take(work: Work, frame: Frame, heard: Heard) -> Entered | Returned:
    """Go into the tasks with the next message."""
    return foreach.enter(work, frame, _task(work, frame), heard.event)


def collect(work: Work, frame: Frame, returned: Returned) -> Heard | Produced | None:
    """Add to the output what came of a message; go on with the next one, consume more, or end."""
    return _next(work, foreach.leave(work, frame, _task(work, frame), returned.output))


def _next(work: Work, frame: Frame) -> Heard | Produced | None:
    messages, outputs = frame.local["messages"], frame.local["outputs"]
    if len(outputs) < len(messages):
        return Heard(messages[len(outputs)])
    if (error := frame.local["error"]) is not None:
        raise TendrilError(replace(Problem.from_json(error), instance=frame.reference))
    if frame.local["over"]:
        return Produced(outputs)
    work.count(frame)
    _consume(work, frame, work.visit(frame.reference))
    return None


def _consume(work: Work, frame: Frame, instance: str) -> None:
    """Ask the tool for more than there are: each time is a visit of the task."""
    asked = call.asked(work, frame, _task(work, frame))
    after = {"messages": frame.local["messages"], "seconds": frame.local.get("seconds", 0)}
    subscription = {**asked.input["subscription"], "after": after}
    data = {**asked.input, "subscription": subscription}
    visit = {} if instance == frame.instance else {"visit": True}
    work.push(Frame(CONSUMPTION, frame.reference, instance, local=visit))
    if visit:
        work.record("task.started", work.stack[-1])
    call.ask(work, work.stack[-1], replace(asked, instance=instance, input=data))


def _task(work: Work, frame: Frame) -> CallTask:
    return cast("CallTask", task_at(work.flow, frame.reference))
