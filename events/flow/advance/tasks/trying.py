"""Try and catch: which errors are caught, and what is done then."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, cast

from events.flow import expressions
from events.flow.advance import retries, timers
from events.flow.advance.arguments import runner
from events.flow.advance.frames import CATCH, RETRY, SEQUENCE, Frame
from events.flow.advance.happenings import Due, Entered, Faulted, Produced, Returned
from events.flow.advance.pointers import task_at

if TYPE_CHECKING:
    from datetime import timedelta

    from events.errors import Problem
    from events.flow.advance.work import Work
    from events.flow.syntax.composite import Catch, TryTask
    from events.flow.syntax.error import ErrorFilter

Json = Any

_STANDARD: Final = re.compile(
    r"^https://serverlessworkflow\.io(?:\.io)?/(?:spec/[^/]+/errors|dsl/errors/types)/"
)
"""The bases of the standard error types: the reference's own, and the one that its examples
and its conformance kit still use."""


def begin(work: Work, frame: Frame, entered: Entered) -> Entered:
    """Go into the list."""
    task = cast("TryTask", task_at(work.flow, frame.reference))
    limit = retries.attempt_limit(work, frame, task.catch)
    if limit is not None:
        timers.start(work, frame, timers.ATTEMPT, limit)
    work.push(Frame(SEQUENCE, f"{frame.reference}/try"))
    return entered


def catch(work: Work, frame: Frame, faulted: Faulted) -> Due | Entered | Faulted | None:
    """Catch the error and try again or hand the try's input to the handler; or let it pass.

    Where no attempt is left and there is no handler, the last error passes.
    """
    task = cast("TryTask", task_at(work.flow, frame.reference))
    frame = timers.stop(work, frame, timers.ATTEMPT)
    error = faulted.problem.to_json()
    caught = _caught(work, frame, task.catch, faulted.problem)
    if caught and task.catch.retry is not None:
        pause = retries.pause(work, frame, task.catch, faulted.problem)
        if pause is not None:
            return _retry(work, frame, pause, error)
        caught = task.catch.do is not None
    if not caught:
        work.record("task.faulted", frame, problem=error)
        work.pop()
        return faulted
    work.record("task.caught", frame, problem=error)
    work.become(replace(frame, kind=CATCH, variables={task.catch.as_: error}))
    # without a list there is nothing to do: the empty one gives the input back
    work.push(Frame(SEQUENCE, f"{frame.reference}/catch/do"))
    return Entered(frame.input)


def _retry(work: Work, frame: Frame, pause: timedelta, error: Json) -> Due | None:
    """Do the list once more, now or when a timer says so."""
    retry = retries.made(frame) + 1
    seconds = pause.total_seconds()
    work.record("task.retried", frame, retry=retry, delay=seconds, problem=error)
    frame = work.become(replace(frame.having(retries=retry), kind=RETRY))
    if not pause:
        return Due()
    timers.start(work, frame, timers.PAUSE, pause)
    return None


def again(work: Work, frame: Frame, _: Due) -> Entered:
    """Begin the next attempt, with the try's input."""
    return begin(work, work.become(replace(frame, kind="try")), Entered(frame.input))


def handled(work: Work, frame: Frame, returned: Returned) -> Produced:
    """Take the handler's output for the task's own; the error is no variable any more."""
    work.become(replace(frame, variables={}))
    return Produced(returned.output)


def _caught(work: Work, frame: Frame, spec: Catch, problem: Problem) -> bool:
    expected = spec.errors.with_ if spec.errors else None
    if expected is not None and not matches(expected, problem):
        return False
    values = {"input": frame.input, spec.as_: problem.to_json()}
    run = runner(work, frame, frame.input, context=work.context, **values)
    if spec.when is not None and not expressions.condition(spec.when, run):
        return False
    return spec.except_when is None or not expressions.condition(spec.except_when, run)


def matches(expected: ErrorFilter, problem: Problem) -> bool:
    """Tell whether an error has every member that a filter names."""
    actual = {**problem.to_json(), "details": problem.detail}
    given = expected.model_dump(exclude_unset=True)
    return all(_same(name, value, actual.get(name)) for name, value in given.items())


def _same(name: str, expected: Json, actual: Json) -> bool:
    if name == "type" and isinstance(expected, str) and isinstance(actual, str):
        return _STANDARD.sub("", expected) == _STANDARD.sub("", actual)
    return bool(expected == actual)
