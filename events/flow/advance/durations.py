"""Durations of a flow as spans of time; the parser is the library's (isodate)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import isodate
from pydantic import TypeAdapter, ValidationError

from events.errors import ErrorType, ToolError
from events.flow import expressions
from events.flow.expressions import as_text, shown
from events.flow.syntax.duration import Duration, DurationParts

if TYPE_CHECKING:
    from datetime import datetime

    from events.flow.expressions import Run

LONGEST: Final = timedelta(days=36_525)
"""A hundred years: what is longer is a mistake, and overflows in some database or other."""

_DURATION: Final = TypeAdapter[Any](Duration)


def span(duration: str | DurationParts, run: Run, now: datetime) -> timedelta:
    """Return how long a duration is, counted from `now` where it has months or years.

    Raises ToolError where an expression gives no duration, or where it is beyond LONGEST.
    """
    if isinstance(duration, str) and expressions.is_expression(duration):
        duration = _checked(run(expressions.program(duration)), duration)
    try:
        length = _parts(duration) if isinstance(duration, DurationParts) else _text(duration, now)
    except OverflowError:
        length = None
    if length is None or length > LONGEST:
        raise _refused(f"{_as_written(duration)} is longer than a hundred years")
    return length


def _checked(value: Any, text: str) -> str | DurationParts:
    try:
        checked: str | DurationParts = _DURATION.validate_python(value)
    except ValidationError:
        checked = text
    if isinstance(checked, str) and expressions.is_expression(checked):
        expected = "ISO 8601 such as PT30S, or an object such as {seconds: 30}"
        found = shown(as_text(value))
        raise _refused(f"`{shown(text)}` must give a duration, {expected}, not {found}")
    return checked


def _parts(parts: DurationParts) -> timedelta:
    return timedelta(**parts.model_dump(exclude_none=True))


def _text(text: str, now: datetime) -> timedelta:
    found = isodate.parse_duration(text)
    length: timedelta = found if isinstance(found, timedelta) else found.totimedelta(start=now)
    return length


def _as_written(duration: str | DurationParts) -> str:
    return duration if isinstance(duration, str) else str(duration.model_dump(exclude_none=True))


def _refused(reason: str) -> ToolError:
    return ToolError(reason, type=ErrorType.VALIDATION)
