"""What every kind of frame does about everything that can happen to it: the state machine.

A task goes Arrived -> (`if`, `input`) -> Entered -> its own doing -> Produced -> (`output`,
`export`) -> Returned, which is what happens next to the frame below it. An error in any of these
ends the frame, and Faulted is what happens next to the frame below. What waits for a time is
told by Due; a timeout ends its frame, and all above it, with an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from events.errors import ErrorType, ToolError
from events.flow.advance import dataflow, extensions
from events.flow.advance.frames import (
    AFTER,
    AROUND,
    BEFORE,
    BRANCH,
    CATCH,
    CONSUMPTION,
    FLOW,
    FUNCTION,
    ITERATION,
    LISTEN,
    PARALLEL,
    RETRY,
    SEQUENCE,
    SUBSCRIPTION,
    Frame,
)
from events.flow.advance.happenings import (
    Answered,
    Arrived,
    Due,
    Entered,
    Faulted,
    Happening,
    Heard,
    Produced,
    Returned,
)
from events.flow.advance.tasks import (
    approval,
    call,
    composite,
    emit,
    fork,
    function,
    listen,
    parallel,
    plain,
    run,
    sequence,
    subscription,
    trying,
    wait,
)
from events.flow.advance.work import Work

Transition = Callable[[Work, Frame, Any], Happening | None]
"""Does what has to be done and says what happens next to the top frame; None waits."""


def unwind(work: Work, frame: Frame, faulted: Faulted) -> Faulted:
    """Let an error pass: the frame ends with it."""
    if frame.is_task:
        work.record("task.faulted", frame, problem=faulted.problem.to_json())
    work.pop()
    return faulted


TRANSITIONS: Final[Mapping[tuple[str, type[Happening]], Transition]] = {
    (FLOW, Arrived): dataflow.begin_flow,
    (FLOW, Returned): dataflow.end_flow,
    (SEQUENCE, Entered): sequence.begin,
    (SEQUENCE, Returned): sequence.proceed,
    ("do", Entered): composite.begin_do,
    ("do", Returned): composite.finish,
    ("for", Entered): composite.begin_for,
    ("for", Returned): composite.next_item,
    ("try", Entered): trying.begin,
    ("try", Returned): composite.finish,
    ("try", Faulted): trying.catch,
    (RETRY, Due): trying.again,
    (CATCH, Returned): trying.handled,
    ("set", Entered): plain.set_data,
    ("switch", Entered): plain.switch,
    ("raise", Entered): plain.raise_error,
    ("emit", Entered): emit.emit,
    ("wait", Entered): wait.begin,
    ("wait", Due): wait.over,
    (LISTEN, Entered): listen.begin,
    (LISTEN, Due): approval.escalate,
    (LISTEN, Heard): listen.hear,
    (LISTEN, Returned): listen.collect,
    ("fork", Entered): fork.begin,
    ("fork", Answered): fork.joined,
    (BRANCH, Entered): fork.enter,
    (BRANCH, Returned): fork.leave,
    (PARALLEL, Answered): fork.joined,
    (ITERATION, Entered): parallel.enter,
    (ITERATION, Returned): parallel.leave,
    ("call", Entered): call.request,
    ("call", Answered): call.answered,
    (SUBSCRIPTION, Entered): subscription.begin,
    (CONSUMPTION, Answered): subscription.consumed,
    (SUBSCRIPTION, Heard): subscription.take,
    (SUBSCRIPTION, Returned): subscription.collect,
    (FUNCTION, Returned): function.leave,
    (BEFORE, Returned): extensions.enter,
    (AROUND, Returned): extensions.follow,
    (AFTER, Returned): extensions.leave,
    ("run", Entered): run.request,
    ("run", Answered): run.answered,
}
"""By the frame's kind and what happened to it."""

ALWAYS: Final[Mapping[type[Happening], Transition]] = {
    Arrived: dataflow.begin_task,
    Produced: dataflow.end_task,
    Faulted: unwind,
}
"""What every kind does, unless the table above says otherwise."""

RUN: Final = frozenset(
    kind
    for kind, happening in TRANSITIONS
    if happening is Entered and kind not in {SEQUENCE, BRANCH, ITERATION, SUBSCRIPTION}
)
"""The kinds of tasks that can be run; `check` refuses the others."""


def transition(frame: Frame, happening: Happening) -> Transition:
    """Return what to do; raise a configuration error for a kind of task that cannot be run."""
    found = TRANSITIONS.get((frame.kind, type(happening))) or ALWAYS.get(type(happening))
    if found is None:
        reason = f"`{frame.kind}` tasks cannot be run by this version of Tendril"
        raise ToolError(reason, type=ErrorType.CONFIGURATION)
    return found
