"""The tasks that are done at once and touch nothing outside: set, switch, raise."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, cast

from events.errors import ErrorType, Problem, TendrilError, ToolError
from events.flow import expressions
from events.flow.advance import template, uris
from events.flow.advance.arguments import runner
from events.flow.advance.happenings import Entered, Produced
from events.flow.advance.pointers import task_at
from events.flow.syntax.error import Error

if TYPE_CHECKING:
    from events.flow.advance.frames import Frame
    from events.flow.advance.work import Work
    from events.flow.syntax.simple import RaiseTask, SetTask, SwitchTask


def set_data(work: Work, frame: Frame, _: Entered) -> Produced:
    """Make the data that the task says."""
    task = cast("SetTask", task_at(work.flow, frame.reference))
    return Produced(template.resolved(work, frame, task.set))


def switch(work: Work, frame: Frame, entered: Entered) -> Produced:
    """Hand the input on, to where the first case that holds says; without one, as `then` says."""
    task = cast("SwitchTask", task_at(work.flow, frame.reference))
    run = runner(work, frame, entered.data, context=work.context, input=entered.data)
    default = None
    for each in task.switch:
        if each.case.when is None:
            default = default or each.case.then
        elif expressions.condition(each.case.when, run):
            return Produced(entered.data, each.case.then)
    return Produced(entered.data, default)


def raise_error(work: Work, frame: Frame, _: Entered) -> NoReturn:
    """Raise the error that the task defines or names, located at the task."""
    task = cast("RaiseTask", task_at(work.flow, frame.reference))
    error = task.raise_.error
    defined = error if isinstance(error, Error) else _named(work, error)
    raise TendrilError(_problem(work, frame, defined))


def _named(work: Work, name: str) -> Error:
    errors = (work.flow.use and work.flow.use.errors) or {}
    if name not in errors:
        reason = f"'{name}' is no error under use.errors"
        raise ToolError(reason, type=ErrorType.CONFIGURATION)
    return errors[name]


def _problem(work: Work, frame: Frame, error: Error) -> Problem:
    kind = uris.expanded(work, frame, error.type)
    members = {
        "type": kind,
        "status": error.status,
        "title": _text(work, frame, error.title),
        "detail": _text(work, frame, error.detail),
        "instance": frame.reference,
    }
    return Problem.from_json(members)


def _text(work: Work, frame: Frame, value: str | None) -> str | None:
    text = None if value is None else template.resolved(work, frame, value)
    return text if text is None or isinstance(text, str) else expressions.as_text(text)
