"""K_SINK: how a host gives events to the broker when a reply will not do."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import aiohttp

from events.envelope import to_binary
from functions.host.faults import SinkUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from events.envelope import Event, Message

_TRIES: Final = 3
_TIMEOUT: Final = aiohttp.ClientTimeout(total=10)


class Sink:
    """Publishes events; a call returns once the broker has said 2xx, so they are on its disk."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session: aiohttp.ClientSession | None = None

    async def publish(self, events: Iterable[Event]) -> None:
        """Publish events as `send` does."""
        await self.send([to_binary(event) for event in events])

    async def send(self, messages: Iterable[Message]) -> None:
        """Publish all events concurrently; SinkUnavailable when the broker does not take one."""
        await asyncio.gather(*(self._send(*message) for message in messages))

    async def close(self) -> None:
        """Close the connections."""
        if self._session:
            await self._session.close()

    async def _send(self, headers: dict[str, str], body: bytes) -> None:
        reason = ""
        for attempt in range(_TRIES):
            if attempt:
                await asyncio.sleep(0.05 * 4**attempt)
            try:
                status, reason = await self._post(headers, body)
            except (aiohttp.ClientError, TimeoutError) as error:
                reason = f"{type(error).__name__} {error}"
                continue
            if status < 300:  # noqa: PLR2004 - HTTP's success class
                return
        raise SinkUnavailable(
            f"the broker at {self._url} did not take event {headers['ce-id']}: {reason}"
        )

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
