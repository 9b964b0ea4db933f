"""What a broker does after one delivery attempt: done, try again, or the dead letter.

A pure machine: `decide` maps (outcome, attempt, spec) to a decision and does nothing itself.
Source: knative/specs `eventing/data-plane.md`; the waits are those of knative/eventing's Go
dispatcher (`pkg/kncloudevents/retries.go`), which counts its retries from 0.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Final


class BackoffPolicy(StrEnum):
    """How the wait grows from one retry to the next."""

    LINEAR = "linear"
    EXPONENTIAL = "exponential"


@dataclass(frozen=True, slots=True)
class DeliverySpec:
    """A Trigger's delivery settings, read; every duration in seconds.

    A Trigger's spec replaces its Broker's whole: nothing is merged, so an absent field has the
    value below and not the Broker's. The two waiting fields only work together.
    """

    retry: int = 0
    """Attempts after the first one."""
    backoff_policy: BackoffPolicy | None = None
    backoff_delay: float | None = None
    timeout: float | None = None
    """Longest one attempt may take; None leaves it to the broker (`DEFAULT_TIMEOUT`)."""
    retry_after_max: float | None = None
    """Upper bound on a Retry-After header (429, 503); None or 0 ignores the header."""
    dead_letter_sink: str | None = None
    """URL; without it an event that cannot be delivered is dropped."""
    format: str | None = None
    """`binary` (also None) or `json`, the structured mode."""

    @property
    def attempts(self) -> int:
        """All attempts, the first included."""
        return self.retry + 1


BROKER_DEFAULT: Final = DeliverySpec(
    retry=10, backoff_policy=BackoffPolicy.EXPONENTIAL, backoff_delay=0.2
)
"""What holds for the Triggers of a Broker that says nothing about delivery."""

DEFAULT_TIMEOUT: Final = 600.0
"""Seconds for one attempt when the spec names none: as long as a Service may take."""

_SHOWN: Final = 300
MAX_WAIT: Final = 3600.0
"""Seconds; an exponential back-off stops growing here (Go's would overflow)."""

SINK_BASE_WAIT: Final = 0.2
SINK_MAX_WAIT: Final = 60.0
"""Seconds between two tries of a dead-letter sink that is down, first and longest."""

RETRIED_BELOW_500: Final = frozenset(
    {
        404,  # a service that is just becoming ready has no route yet
        408,  # the server asks for the request again
        409,  # a conflict may be gone the next time
        429,  # asked to slow down, which a back-off does
    }
)


@dataclass(frozen=True, slots=True)
class Response:
    """What came back over HTTP: header names in lower case."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes = b""


class DeliveryFailed(Exception):  # noqa: N818 - the name the deliverers share
    """There was no response: refused, reset, or over the timeout."""


Deliver = Callable[[str, dict[str, str], bytes, float], Awaitable[Response]]
"""(subscriber URL, headers, body, timeout in seconds) -> Response; raises DeliveryFailed."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The subscriber answered; `retry_after` is the header in seconds from now."""

    status: int
    body: bytes = b""
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class NotAnswered:
    """The subscriber gave no response."""

    reason: str


@dataclass(frozen=True, slots=True)
class NotAnEvent:
    """A success whose body is neither empty nor a CloudEvent: a failure, as 502."""

    reason: str
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class ReplyNotStored:
    """The subscriber replied with an event that the broker could not store."""

    reason: str


@dataclass(frozen=True, slots=True)
class ReplyRefused:
    """The subscriber replied with an event that the broker would refuse every time."""

    reason: str


Outcome = Answered | NotAnswered | NotAnEvent | ReplyNotStored | ReplyRefused


@dataclass(frozen=True, slots=True)
class Done:
    """The delivery is over, successfully."""


@dataclass(frozen=True, slots=True)
class RetryAt:
    """Try again, `delay` seconds from now."""

    delay: float


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Give up: `code` and `data` go to the sink as `knativeerrorcode` and `knativeerrordata`."""

    code: int
    reason: str
    data: bytes = b""


Decision = Done | RetryAt | DeadLetter


def decide(outcome: Outcome, attempt: int, spec: DeliverySpec) -> Decision:
    """Say what follows attempt number `attempt` (from 1) that ended in `outcome`."""
    if _succeeded(outcome):
        return Done()
    if _retried(outcome) and attempt < spec.attempts:
        return RetryAt(_wait(outcome, attempt - 1, spec))
    return _dead_letter(outcome, attempt)


def decide_sink(outcome: Outcome, attempt: int) -> Done | RetryAt:
    """Say what follows attempt `attempt` (from 1) at the dead-letter sink: it is never given up.

    What a sink says beside its 2xx is ignored: production brokers differ in what they do with it.
    """
    if _succeeded(outcome) or isinstance(outcome, NotAnEvent):
        return Done()
    return RetryAt(min(SINK_MAX_WAIT, SINK_BASE_WAIT * 2.0 ** min(attempt - 1, 30)))


def why_failed(outcome: Outcome, attempt: int) -> str:
    """Return how attempt `attempt` (from 1) failed, for people."""
    reason = _dead_letter(outcome, attempt).reason
    said = _detail(outcome.body) if isinstance(outcome, Answered) else ""
    return f"{reason}: {said}" if said else reason


def retry_after(value: str, now: datetime) -> float | None:
    """Read a Retry-After header, seconds or an HTTP date, as seconds from `now`; None if neither.

    Source: RFC 9110, section 10.2.3.
    """
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def _succeeded(outcome: Outcome) -> bool:
    return isinstance(outcome, Answered) and 200 <= outcome.status < 300  # noqa: PLR2004 - HTTP


def _retried(outcome: Outcome) -> bool:
    if isinstance(outcome, Answered):
        return outcome.status >= 500 or outcome.status in RETRIED_BELOW_500  # noqa: PLR2004 - HTTP
    return not isinstance(outcome, ReplyRefused)


def _wait(outcome: Outcome, retried: int, spec: DeliverySpec) -> float:
    wait = _backoff(retried, spec)
    if isinstance(outcome, Answered) and outcome.status in {429, 503} and spec.retry_after_max:
        return max(wait, min(outcome.retry_after or 0.0, spec.retry_after_max))
    return wait


def _backoff(retried: int, spec: DeliverySpec) -> float:
    """Seconds before the retry that follows `retried` earlier ones."""
    if spec.backoff_policy is None or spec.backoff_delay is None:
        return 0.0
    if spec.backoff_policy is BackoffPolicy.LINEAR:
        return min(MAX_WAIT, spec.backoff_delay * retried)
    return min(MAX_WAIT, spec.backoff_delay * 2.0 ** min(retried, 60))


def _dead_letter(outcome: Outcome, attempt: int) -> DeadLetter:
    tries = f"after {attempt} attempt{'' if attempt == 1 else 's'}"
    match outcome:
        case Answered(status, body):
            return DeadLetter(status, f"the subscriber answered {status} {tries}", body)
        case NotAnswered(reason):
            # 500 is what the Go dispatcher reports where no status exists.
            return DeadLetter(500, f"no response {tries}: {reason}", _text(reason))
        case NotAnEvent(reason, body):
            return DeadLetter(502, f"the reply is no CloudEvent {tries}: {reason}", body)
        case ReplyRefused(reason):
            return DeadLetter(400, f"the reply was refused {tries}: {reason}", _text(reason))
        case ReplyNotStored(reason):
            return DeadLetter(500, f"the reply was not stored {tries}: {reason}", _text(reason))


def _detail(body: bytes) -> str:
    """Return what an answer's body says, on one line: a problem's detail, or its beginning."""
    try:
        text = json.loads(body)["detail"]
    except (ValueError, KeyError, TypeError):
        text = body[:_SHOWN].decode(errors="replace")
    return " ".join(str(text).split())[:_SHOWN]


def _text(reason: str) -> bytes:
    return f"dispatch error: {reason}".encode()
