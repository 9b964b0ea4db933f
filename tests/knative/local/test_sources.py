"""Claims about events by the clock."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from events.envelope import parse
from knative.delivery import DeliveryFailed, Response
from knative.local.sources import PingSources, SourceError, next_due, ping
from knative.resources import PingSource, load

TEXT = """\
apiVersion: sources.knative.dev/v1
kind: PingSource
metadata: {name: tick}
spec:
  schedule: "*/5 * * * *"
  timezone: UTC
  data: '{"a": 1}'
  sink: {ref: {apiVersion: serving.knative.dev/v1, kind: Service, name: flow}}
"""
NOW = datetime(2026, 3, 1, 12, 3, 20, tzinfo=UTC)


def source(text: str = TEXT) -> PingSource:
    """Return the one source of a text."""
    (found,) = load(text)
    assert isinstance(found, PingSource)
    return found


def test_event() -> None:
    """A ping is Knative's, and its id and time are those of its nominal minute."""
    due = next_due(source(), NOW)
    event = ping(source(), due)
    assert event.type == "dev.knative.sources.ping"
    assert event.source == "/apis/v1/namespaces/default/pingsources/tick"
    assert event.get("time") == "2026-03-01T12:05:00Z"
    assert event.json() == {"a": 1}
    again = ping(source(), next_due(source(), NOW + timedelta(seconds=90)))
    assert again == event
    assert ping(source(), next_due(source(), due)).id != event.id


def test_time_zone() -> None:
    """A schedule is read in the source's time zone."""
    text = TEXT.replace("*/5 * * * *", "0 9 * * *").replace("UTC", "Asia/Shanghai")
    assert next_due(source(text), NOW).astimezone(UTC) == datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("*/5 * * * *", "*/5 * * *", "tick: "),
        ("UTC", "Mars/Olympus", "unknown time zone 'Mars/Olympus'"),
        ("""'{"a": 1}'""", "no json", "tick: data"),
    ],
)
def test_wrong_source(right: str, wrong: str, message: str) -> None:
    """A source that could never send is refused when the platform starts."""
    with pytest.raises(SourceError, match=message):
        PingSources([source(TEXT.replace(right, wrong))], _never, lambda: NOW)


async def test_sends_when_due() -> None:
    """Each nominal minute is sent once, to the sink, also when the first attempt fails."""
    clock = [datetime(2026, 3, 1, 12, 4, 59, 950_000, tzinfo=UTC)]
    sent: list[tuple[str, str]] = []
    done = asyncio.Event()

    async def send(url: str, headers: dict[str, str], body: bytes, _timeout: float) -> Response:
        sent.append((url, str(parse(headers.items(), body).get("time"))))
        if len(sent) == 1:
            raise DeliveryFailed("refused")
        clock[0] += timedelta(minutes=4, seconds=59.8)
        if len(sent) == 3:
            done.set()
        return Response(202, [], b"")

    def now() -> datetime:
        clock[0] += timedelta(milliseconds=20)
        return clock[0]

    running = asyncio.create_task(PingSources([source()], send, now).run())
    await asyncio.wait_for(done.wait(), 10)
    running.cancel()
    flow = "http://flow.default.svc.cluster.local/"
    first, second = "2026-03-01T12:05:00Z", "2026-03-01T12:10:00Z"
    assert sent == [(flow, first), (flow, first), (flow, second)]


async def _never(*_: object) -> Response:
    raise AssertionError
