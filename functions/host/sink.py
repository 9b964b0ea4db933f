"""K_SINK: how a host gives events to the broker when a reply will not do."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import aiohttp

from events.envelope import to_batch, to_binary, to_structured
from functions.host.faults import SinkUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from events.envelope import Event, Message

_TRIES: Final = 3
_TOGETHER: Final = 100
_BYTES: Final = 256 * 1024
"""Data in one batch at most; the local broker takes bodies of a mebibyte."""
_AT_ONCE: Final = 16
_NO_BATCHES: Final = frozenset({400, 415})
_TIMEOUT: Final = aiohttp.ClientTimeout(total=10)


class Sink:
    """Publishes events; a call returns once the broker has said 2xx, so they are on its disk."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session: aiohttp.ClientSession | None = None
        self._batches = True

    async def publish(self, events: Iterable[Event]) -> None:
        """Publish events as `send` does."""
        await self.send([to_binary(event) for event in events])

    async def send(self, messages: Iterable[Message]) -> None:
        """Publish all events concurrently; SinkUnavailable when the broker does not take one."""
        await asyncio.gather(*(self._send(*message) for message in messages))

    async def publish_together(self, events: Sequence[Event]) -> None:
        """Publish events in few requests, one after the other; SinkUnavailable as with `send`.

        They travel in batched mode until a broker refuses that, as Knative's do (issue 6797 of
        knative/eventing), and from then on in structured mode.
        """
        for batch in _batches(events):
            if self._batches:
                self._batches = await self._post_until(*to_batch(batch), allowed=_NO_BATCHES) < 300  # noqa: PLR2004
            if not self._batches:
                for start in range(0, len(batch), _AT_ONCE):
                    await self.send(to_structured(each) for each in batch[start : start + _AT_ONCE])

    async def close(self) -> None:
        """Close the connections."""
        if self._session:
            await self._session.close()

    async def _send(self, headers: dict[str, str], body: bytes) -> None:
        await self._post_until(headers, body)

    async def _post_until(
        self, headers: dict[str, str], body: bytes, allowed: frozenset[int] = frozenset()
    ) -> int:
        """Post until the answer is 2xx or one that is allowed, and return it."""
        reason = ""
        for attempt in range(_TRIES):
            if attempt:
                await asyncio.sleep(0.05 * 4**attempt)
            try:
                status, reason = await self._post(headers, body)
            except (aiohttp.ClientError, TimeoutError) as error:
                reason = f"{type(error).__name__} {error}"
                continue
            if status < 300 or status in allowed:  # noqa: PLR2004 - HTTP's success class
                return status
        what = f"event {headers['ce-id']}" if "ce-id" in headers else "lifecycle events"
        raise SinkUnavailable(f"the broker at {self._url} did not take {what}: {reason}")

    async def _post(self, headers: dict[str, str], body: bytes) -> tuple[int, str]:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=_TIMEOUT,
                # else an event without content type would be sent as octet-stream
                skip_auto_headers=["Content-Type"],
            )
        async with self._session.post(self._url, headers=headers, data=body) as response:
            text = "" if response.status < 300 else await response.text()  # noqa: PLR2004
            return response.status, f"HTTP {response.status} {text[:300]}"


def _batches(events: Iterable[Event]) -> Iterator[list[Event]]:
    batch: list[Event] = []
    size = 0
    for event in events:
        length = len(event.data or b"")
        if batch and (len(batch) == _TOGETHER or size + length > _BYTES):
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += length
    if batch:
        yield batch
