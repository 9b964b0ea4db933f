"""When a flow starts by itself: `schedule.every`, `cron` and `after`, as nominal times.

Times are seconds since the epoch; cron expressions are read in UTC by the library (croniter).
Where the specification leaves room: `every` starts its first run one interval after the
deployment; `after` starts it at once and the next one when its time has passed since the end
of the one before, which `after` started too. Of the times that passed while nothing ran, only the
last one is made up for. A schedule may have several of these, and `on` beside them: each of them
starts runs as if it were alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal

from croniter import croniter

from events.flow.advance import durations

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from events.flow.syntax import Flow
    from events.flow.syntax.duration import DurationParts

Kind = Literal["every", "cron", "after"]
FIELDS: Final = 5
SHORTEST: Final = 1.0
"""Seconds between two runs; what must be faster is no schedule but a loop."""


@dataclass(frozen=True, slots=True)
class Timetable:
    """One flow's: a cron expression, or the seconds of an interval or a pause."""

    kind: Kind
    spec: str

    def first(self, deployed: float) -> float:
        """Return the first nominal time."""
        return deployed if self.kind == "after" else self.next(deployed, deployed)

    def next(self, nominal: float, now: float) -> float:
        """Return the nominal time that follows `nominal` and lies after `now`.

        For `after`, `nominal` is when the run before ended.
        """
        if self.kind == "cron":
            return float(croniter(self.spec, _second(max(nominal, now))).get_next(float))
        span = float(self.spec)
        if self.kind == "after":
            return nominal + span
        return nominal + span * (max(math.floor((now - nominal) / span), 0) + 1)

    def latest(self, nominal: float, now: float) -> float:
        """Return the last nominal time from `nominal` to `now`: the one to start for."""
        if self.kind == "cron":
            last = float(croniter(self.spec, _second(now + 1)).get_prev(float))
            return max(last, nominal)
        if self.kind == "after":
            return nominal
        span = float(self.spec)
        return nominal + span * max(math.floor((now - nominal) / span), 0)


def timetables_of(flow: Flow) -> tuple[Timetable, ...]:
    """Return the timetables of a checked flow; none for one that does not start by time."""
    schedule = flow.schedule
    if schedule is None:
        return ()
    kinds: dict[Kind, str | None] = {
        "cron": schedule.cron,
        "every": None if schedule.every is None else str(seconds(schedule.every)),
        "after": None if schedule.after is None else str(seconds(schedule.after)),
    }
    return tuple(Timetable(kind, spec) for kind, spec in kinds.items() if spec is not None)


def seconds(duration: str | DurationParts) -> float:
    """Return a constant duration in seconds; raises ToolError where it is an expression."""
    return durations.span(duration, _no_run, datetime(2001, 1, 1, tzinfo=UTC)).total_seconds()


def wrong(schedule: Mapping[str, Any], flow: Flow) -> tuple[str, str] | None:
    """Return which property of a schedule cannot be kept, and why; None when all is well."""
    cron = schedule.get("cron")
    if cron is not None and not _is_cron(cron):
        return "cron", f"'{cron}' is no cron expression of five fields such as '0 8 * * 1-5'"
    for name in ("every", "after"):
        if name in schedule and flow.schedule is not None:
            duration = getattr(flow.schedule, name)
            if isinstance(duration, str) and "${" in duration:
                return name, "must be constant: there is no run yet to evaluate it in"
            least = SHORTEST if name == "every" else 0.0
            if seconds(duration) < least:
                return name, f"must be at least {SHORTEST:g} s: what is faster is a loop"
    return None


def _is_cron(text: str) -> bool:
    return len(text.split()) == FIELDS and croniter.is_valid(text)


def _second(moment: float) -> datetime:
    """Return the second that a moment is in; cron's times are whole ones, so none is in between."""
    return datetime.fromtimestamp(math.floor(moment), UTC)


def _no_run(program: str) -> None:
    raise ValueError(f"`{program}`: an expression where a constant is needed")
