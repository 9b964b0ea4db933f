"""The delivery machine: the retry table, the waits, the dead letter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knative.delivery import (
    BROKER_DEFAULT,
    MAX_WAIT,
    SINK_MAX_WAIT,
    Answered,
    BackoffPolicy,
    DeadLetter,
    DeliverySpec,
    Done,
    NotAnEvent,
    NotAnswered,
    Outcome,
    ReplyNotStored,
    ReplyRefused,
    RetryAt,
    decide,
    decide_sink,
    retry_after,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)

specs = st.builds(
    DeliverySpec,
    retry=st.integers(0, 5000),
    backoff_policy=st.none() | st.sampled_from(BackoffPolicy),
    backoff_delay=st.none() | st.floats(0, 1e6),
    retry_after_max=st.none() | st.floats(0, 1e6),
)
outcomes = st.one_of(
    st.builds(
        Answered,
        status=st.integers(100, 599),
        body=st.binary(max_size=10),
        retry_after=st.none() | st.floats(0, 1e9),
    ),
    st.builds(NotAnswered, reason=st.text()),
    st.builds(NotAnEvent, reason=st.text()),
    st.builds(ReplyNotStored, reason=st.text()),
    st.builds(ReplyRefused, reason=st.text()),
)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_success(status: int) -> None:
    """A 2xx is a success."""
    assert decide(Answered(status), 1, BROKER_DEFAULT) == Done()


@pytest.mark.parametrize("status", [404, 408, 409, 429, 500, 501, 502, 503, 504, 599])
def test_retried_statuses(status: int) -> None:
    """5xx, 404, 408, 409 and 429 are tried again while attempts are left."""
    assert isinstance(decide(Answered(status), 1, BROKER_DEFAULT), RetryAt)
    assert isinstance(decide(Answered(status), 11, BROKER_DEFAULT), DeadLetter)


@pytest.mark.parametrize("status", [100, 199, 300, 301, 307, 400, 401, 403, 410, 413, 415, 422])
def test_refused_statuses(status: int) -> None:
    """Every other 4xx, 3xx and 1xx goes to the dead letter at once, with its code and body."""
    decision = decide(Answered(status, b"why"), 1, BROKER_DEFAULT)
    assert isinstance(decision, DeadLetter)
    assert (decision.code, decision.data) == (status, b"why")


@pytest.mark.parametrize("outcome", [NotAnswered("reset"), NotAnEvent("text"), ReplyNotStored("")])
def test_failures_without_a_status_are_retried(outcome: Outcome) -> None:
    """No response, a reply that is no event and a reply that was not stored are tried again."""
    assert decide(outcome, 1, BROKER_DEFAULT) == RetryAt(0.2)


def test_a_reply_that_is_no_event_is_502() -> None:
    """After the last attempt the sink learns 502 and the body that was sent."""
    decision = decide(NotAnEvent("not JSON", b"<html>"), 1, DeliverySpec())
    assert isinstance(decision, DeadLetter)
    assert (decision.code, decision.data) == (502, b"<html>")


def test_a_refused_reply_is_not_retried() -> None:
    """A reply the broker would refuse again goes to the dead letter at once, as 400."""
    decision = decide(ReplyRefused("knativebrokerttl is used up"), 1, BROKER_DEFAULT)
    assert isinstance(decision, DeadLetter)
    assert decision.code == 400


def test_no_response_is_500_at_the_sink() -> None:
    """Without a status the sink gets the Go dispatcher's 500 and the reason as data."""
    decision = decide(NotAnswered("refused"), 1, DeliverySpec())
    assert decision == DeadLetter(
        500, "no response after 1 attempt: refused", b"dispatch error: refused"
    )


def test_exponential_waits() -> None:
    """The first wait is the delay, and each further one twice the one before."""
    waits = [decide(Answered(500), attempt, BROKER_DEFAULT) for attempt in (1, 2, 3, 10)]
    assert waits == [RetryAt(0.2), RetryAt(0.4), RetryAt(0.8), RetryAt(0.2 * 512)]


def test_linear_waits() -> None:
    """The first retry comes at once and each further one a delay later, as in Go."""
    spec = DeliverySpec(retry=10, backoff_policy=BackoffPolicy.LINEAR, backoff_delay=3)
    waits = [decide(Answered(500), attempt, spec) for attempt in (1, 2, 3)]
    assert waits == [RetryAt(0), RetryAt(3), RetryAt(6)]


def test_no_merge_with_any_default() -> None:
    """A spec that names only a sink retries 0 times; one without waiting fields does not wait."""
    only_sink = DeliverySpec(dead_letter_sink="http://sink/")
    assert isinstance(decide(Answered(503), 1, only_sink), DeadLetter)
    assert decide(Answered(503), 1, DeliverySpec(retry=1)) == RetryAt(0)


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after(status: int) -> None:
    """The wait is max(back-off, min(Retry-After, retryAfterMax)) for 429 and 503."""
    spec = DeliverySpec(
        retry=5, backoff_policy=BackoffPolicy.EXPONENTIAL, backoff_delay=2, retry_after_max=30
    )
    waits = [decide(Answered(status, retry_after=after), 1, spec) for after in (None, 1, 7, 90)]
    assert waits == [RetryAt(2), RetryAt(2), RetryAt(7), RetryAt(30)]


def test_retry_after_is_opt_in_and_for_429_and_503_only() -> None:
    """Without retryAfterMax, with 0, or on another status, the header changes nothing."""
    for status, limit in ((503, None), (503, 0.0), (500, 30.0)):
        spec = DeliverySpec(retry=5, retry_after_max=limit)
        assert decide(Answered(status, retry_after=7), 1, spec) == RetryAt(0)


@given(outcomes, st.integers(1, 6000), specs)
def test_every_case_ends(outcome: Outcome, attempt: int, spec: DeliverySpec) -> None:
    """Whatever happens, waits are finite and not negative and no attempt exceeds retry + 1."""
    decision = decide(outcome, attempt, spec)
    if isinstance(decision, RetryAt):
        assert 0 <= decision.delay <= max(MAX_WAIT, spec.retry_after_max or 0)
        assert attempt < spec.attempts
    if isinstance(decision, DeadLetter):
        assert decision.reason


@given(specs, st.integers(1, 4000))
def test_back_off_never_shrinks(spec: DeliverySpec, attempt: int) -> None:
    """The wait before a later retry is never shorter than before an earlier one."""
    earlier, later = (decide(Answered(500), n, spec) for n in (attempt, attempt + 1))
    if isinstance(earlier, RetryAt) and isinstance(later, RetryAt):
        assert later.delay >= earlier.delay


@given(outcomes, st.integers(1, 10_000))
def test_the_sink_is_never_given_up(outcome: Outcome, attempt: int) -> None:
    """A dead-letter delivery succeeds or waits at most a minute for the next try."""
    decision = decide_sink(outcome, attempt)
    if isinstance(decision, RetryAt):
        assert 0 < decision.delay <= SINK_MAX_WAIT
    else:
        assert isinstance(outcome, Answered | NotAnEvent)


@given(st.integers(0, 10**6))
def test_retry_after_as_seconds_and_as_date(wait: int) -> None:
    """Both forms of the header mean the same wait."""
    date = format_datetime(NOW + timedelta(seconds=wait), usegmt=True)
    assert retry_after(str(wait), NOW) == retry_after(date, NOW) == wait


@pytest.mark.parametrize("text", ["", "soon", "-1", "1.5", "²"])
def test_retry_after_nonsense(text: str) -> None:
    """A header that is neither is as good as none."""
    assert retry_after(text, NOW) is None


def test_retry_after_in_the_past() -> None:
    """A date gone by asks for no wait."""
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT", NOW) == 0
