"""Retry policies: whether a try does its tasks once more, and after how long.

Where the specification leaves room: `limit.attempt.count` counts the attempts after the first;
`limit.duration` runs from the try's start to the next attempt's; a linear delay grows by
itself each time, an exponential one doubles. The jitter is drawn from the run and the attempt,
so that a step computed again draws the same.

Source: serverlessworkflow/specification 1.0.3, `dsl-reference.md`, "Retry", and the schema.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from events.errors import ErrorType, ToolError
from events.flow import expressions
from events.flow.advance import durations
from events.flow.advance.arguments import runner

if TYPE_CHECKING:
    from events.errors import Problem
    from events.flow.advance.frames import Frame
    from events.flow.advance.work import Work
    from events.flow.expressions import Run
    from events.flow.syntax.composite import Catch
    from events.flow.syntax.retry import Backoff, Jitter, RetryPolicy

_DOUBLINGS: Final = 40


def made(frame: Frame) -> int:
    """Return how many attempts a try has made after the first."""
    count: int = frame.local.get("retries", 0)
    return count


def policy(work: Work, spec: Catch) -> RetryPolicy | None:
    """Return the policy of a catch, given in place or by name."""
    if not isinstance(spec.retry, str):
        return spec.retry
    known = (work.flow.use and work.flow.use.retries) or {}
    if spec.retry not in known:
        reason = f"'{spec.retry}' is no policy under use.retries"
        raise ToolError(reason, type=ErrorType.CONFIGURATION)
    return known[spec.retry]


def pause(work: Work, frame: Frame, spec: Catch, problem: Problem) -> timedelta | None:
    """Return how long to wait until the next attempt; None when there is none."""
    found = policy(work, spec)
    if found is None:
        return None
    values = {"input": frame.input, spec.as_: problem.to_json()}
    run = runner(work, frame, frame.input, context=work.context, **values)
    if found.when is not None and not expressions.condition(found.when, run):
        return None
    if found.except_when is not None and expressions.condition(found.except_when, run):
        return None
    length = _delay(work, frame, found, run)
    return length if _allowed(work, frame, found, run, length) else None


def attempt_limit(work: Work, frame: Frame, spec: Catch) -> timedelta | None:
    """Return how long each attempt of a try may take; None without a limit."""
    found = policy(work, spec)
    limit = found and found.limit and found.limit.attempt and found.limit.attempt.duration
    if not limit:
        return None
    run = runner(work, frame, frame.input, context=work.context, input=frame.input)
    return durations.span(limit, run, work.facts.now)


def _delay(work: Work, frame: Frame, found: RetryPolicy, run: Run) -> timedelta:
    now = work.facts.now
    base = timedelta() if found.delay is None else durations.span(found.delay, run, now)
    length = _grown(base, found.backoff, made(frame))
    if found.jitter is not None:
        length += _drawn(
            found.jitter, run, now, f"{work.facts.run_id}\n{frame.instance}\n{made(frame)}"
        )
    return min(length, durations.LONGEST)


def _grown(base: timedelta, backoff: Backoff | None, retries: int) -> timedelta:
    factor = 1
    if backoff is not None and backoff.linear is not None:
        factor = retries + 1
    elif backoff is not None and backoff.exponential is not None:
        factor = 2 ** min(retries, _DOUBLINGS)
    try:
        return min(base * factor, durations.LONGEST)
    except OverflowError:
        return durations.LONGEST


def _drawn(jitter: Jitter, run: Run, now: datetime, seed: str) -> timedelta:
    least, most = durations.span(jitter.from_, run, now), durations.span(jitter.to, run, now)
    share = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:6]) / 2**48
    return least + (most - least) * share


def _allowed(work: Work, frame: Frame, found: RetryPolicy, run: Run, length: timedelta) -> bool:
    limit = found.limit
    if limit is None:
        return True
    if limit.attempt and limit.attempt.count is not None and made(frame) >= limit.attempt.count:
        return False
    if limit.duration is None:
        return True
    began = datetime.fromisoformat(frame.started)
    return work.facts.now + length <= began + durations.span(limit.duration, run, work.facts.now)
