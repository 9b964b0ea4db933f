"""The door: every event that is not ours is held against what deployed flows wait for."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import orjson

from events.envelope import to_structured
from events.flow.correlate import filter_of
from events.flow.starters import input_of, keys_of
from events.vocabulary import LIFECYCLE_PREFIXES, OWN_PREFIX, PING, identify
from functions.flow import gathering, inbox
from functions.flow.starting import start
from functions.host.hop_events import hop_message

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from events.envelope import Event, Message
    from events.flow.syntax import EventFilter
    from functions.flow.clock import Clock
    from functions.host.assembly import Platform
    from functions.host.emitting import Opened
    from functions.host.ledger.rows.flow import DoorRow

_TICK: Final = "/pingsources/tick"
"""The PingSource of knative/manifests that drives the clock where `flow` scales to zero."""


class Door:
    """Starts the runs that an event starts, tells those that listen; keeps what none waits for.

    An event is acknowledged once every run is started and the inbox has it for all who listen.
    """

    def __init__(self, platform: Platform, clock: Clock) -> None:
        self._platform, self._clock = platform, clock

    async def take(self, event: Event) -> Message | None:
        """Do what the event does; return the next event when there is exactly one."""
        if event.type == PING and event.source.endswith(_TICK):
            await self._clock.tick()
            return None
        if event.type.startswith((OWN_PREFIX, *LIFECYCLE_PREFIXES)):
            return None
        document = await self._document(event)
        doors = await self._platform.ledger.doors(event.type)
        passed = [(door, await self._opens(door, document)) for door in doors]
        alone = [door for door, values in passed if values is not None and not door.of]
        together = await gathering.joined(self._platform, passed)
        keys = await inbox.wanted(self._platform, document)
        if not alone and not together and not keys:
            await self._keep(event)
            return None
        return await self._emit(
            [each async for each in self._done(event, document, alone, together, keys)]
        )

    async def _done(
        self,
        event: Event,
        document: dict[str, Any],
        alone: list[DoorRow],
        together: gathering.Joined,
        keys: tuple[tuple[str, str], ...],
    ) -> AsyncIterator[Opened]:
        """Yield what is opened by all that an event does.

        It is kept first: a run that it starts began after it came.
        """
        platform, arrival = self._platform, None
        if keys or together:
            parts, members = together.parts, together.members
            arrival, gathered = await inbox.receive(
                platform, document, keys, parts, members, used=bool(alone)
            )
            for member in members:
                gathered += await gathering.look(platform, member.digest, member.correlation)
            for each in gathered:
                _, opened = await gathering.begin(platform, each)
                yield opened
        for door in alone:
            yield await self._start(door, event, document)
        if arrival:
            yield await inbox.tell(platform, arrival)

    async def _document(self, event: Event) -> dict[str, Any]:
        """Return the event as a flow sees it: structured JSON with its data resolved."""
        _, body = to_structured(event)
        document: dict[str, Any] = orjson.loads(body)
        ref = document.get("dataref")
        if ref and "data" not in document and str(ref).startswith("events/"):
            document["data"] = orjson.loads(await self._platform.blobs.fetch(str(ref)))
        return document

    async def _opens(self, door: DoorRow, document: dict[str, Any]) -> dict[str, Any] | None:
        """Return the values of a door's correlation keys; None where it stays shut."""
        condition = _filter(orjson.dumps(door.filter).decode())
        return await asyncio.to_thread(keys_of, condition, document, self._platform.jq.evaluate)

    async def _start(self, door: DoorRow, event: Event, document: dict[str, Any]) -> Opened:
        deployed = await self._platform.deployments.get(door.digest)
        _, opened = await start(
            self._platform,
            deployed.row,
            input_of(document),
            door="on",
            source=event.source,
            key=event.id,
            trace=event.get("traceparent") or "",
        )
        return opened

    async def _emit(self, opened: list[Opened]) -> Message | None:
        emitter = self._platform.emitter
        if any(each.outbox for each in opened):
            await emitter.flush(None)
        requests = [work for each in opened for work in each.requests]
        if len(requests) == 1:
            return await hop_message(requests[0], self._platform.blobs)
        await emitter.request(requests)
        return None

    async def _keep(self, event: Event) -> None:
        _, body = to_structured(event)
        platform = self._platform
        await platform.ledger.add_unmatched(
            identify(event.source, event.id),
            body.decode(),
            platform.clock(),
            platform.settings.unmatched_kept,
        )


@lru_cache(maxsize=1024)
def _filter(text: str) -> EventFilter:
    return filter_of(orjson.loads(text))
