"""PingSources: events by the clock.

An event's id and time are functions of its source and nominal minute, so that a platform
restarted within that minute sends the same event and not a second one.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import croniter

from events.attributes import EnvelopeError
from events.envelope import create, to_binary
from events.vocabulary import PING, identify
from knative.delivery import DeliveryFailed, Response
from knative.local.addresses import url_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from events.envelope import Event
    from knative.resources import PingSource

logger = logging.getLogger(__name__)
Send = Callable[[str, dict[str, str], bytes, float], Awaitable[Response]]
"""(URL, headers, body, timeout in seconds) -> Response; raises DeliveryFailed."""

ATTEMPTS: Final = 3
TIMEOUT: Final = 60.0


class SourceError(ValueError):
    """A PingSource that can never send: its schedule, zone or data is wrong."""


class PingSources:
    """Sends what the sources are due to send until it is cancelled."""

    def __init__(
        self, sources: Sequence[PingSource], send: Send, now: Callable[[], datetime]
    ) -> None:
        self._sources = sources
        self._send = send
        self._now = now
        for source in sources:
            check(source, now())

    async def run(self) -> None:
        """Run every source."""
        async with asyncio.TaskGroup() as group:
            for source in self._sources:
                group.create_task(self._run(source), name=f"source {source.name}")

    async def _run(self, source: PingSource) -> None:
        due = next_due(source, self._now())
        while True:
            await self._wait(due)
            await self._deliver(source, ping(source, due))
            due = next_due(source, max(due, self._now()))

    async def _wait(self, due: datetime) -> None:
        # in slices, so that a clock set or a machine woken meanwhile is noticed
        while (left := (due - self._now()).total_seconds()) > 0:  # noqa: ASYNC110 - it is the clock
            await asyncio.sleep(min(left, 10.0))

    async def _deliver(self, source: PingSource, event: Event) -> None:
        headers, body = to_binary(event)
        url = url_of(source.spec.sink, source.namespace)
        reason = ""
        for attempt in range(ATTEMPTS):
            await asyncio.sleep(float(attempt))
            try:
                response = await self._send(url, headers, body, TIMEOUT)
            except DeliveryFailed as error:
                reason = str(error)
                continue
            if response.status < 300:  # noqa: PLR2004 - HTTP
                return
            reason = f"{url} answered {response.status}"
        logger.warning("source %s: the event %s was not taken: %s", source.name, event.id, reason)


def check(source: PingSource, now: datetime) -> None:
    """Raise SourceError where a source could never send."""
    try:
        ping(source, next_due(source, now))
    except ZoneInfoNotFoundError as error:
        zone = source.spec.timezone
        raise SourceError(f"the PingSource {source.name}: unknown time zone '{zone}'") from error
    except (ValueError, KeyError, EnvelopeError) as error:
        raise SourceError(f"the PingSource {source.name}: {error}") from error


def next_due(source: PingSource, after: datetime) -> datetime:
    """Return the first nominal time later than `after`, in the source's time zone."""
    local = after.astimezone(ZoneInfo(source.spec.timezone))
    due: datetime = croniter(source.spec.schedule, local).get_next(datetime)
    return due


def ping(source: PingSource, due: datetime) -> Event:
    """Return the event that a source sends at a nominal time."""
    spec = source.spec
    name = f"/apis/v1/namespaces/{source.namespace}/pingsources/{source.name}"
    time = due.astimezone(ZoneInfo("UTC")).strftime("%Y-%m-%dT%H:%M:%SZ")
    data = base64.b64decode(spec.data_base64) if spec.data_base64 else (spec.data or "").encode()
    extensions = spec.ce_overrides.extensions if spec.ce_overrides else {}
    return create(
        id=identify(name, time),
        source=name,
        type=PING,
        time=time,
        datacontenttype=(spec.content_type or "application/json") if data else None,
        data=data or None,
        **extensions,
    )
