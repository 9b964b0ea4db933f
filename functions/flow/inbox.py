"""Events that runs listen to: kept for those that will, told to those that do."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any, Final

import orjson

from events.flow.listening import Shape, correlation_of
from events.vocabulary import event_key, identify
from functions.host.emitting import NOTHING, Opened
from functions.host.ledger.hearing import listen_of
from functions.host.ledger.parcels import ROOM, parcel_name
from functions.host.ledger.rows.listen import Arrival
from functions.host.outcomes import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.host.assembly import Platform
    from functions.host.ledger.rows.gathering import Gathered, Member, Part

Json = Any
_PAGE: Final = 500
_AT_ONCE: Final = 16
"""Listens that are seen to before an event is acknowledged; the clock sees to the others."""


async def wanted(platform: Platform, document: dict[str, Json]) -> tuple[tuple[str, str], ...]:
    """Return the shapes that an event fits, each with its correlation there."""
    shapes = await platform.ledger.shapes(document["type"])
    return await asyncio.to_thread(_fitting, platform, shapes, document) if shapes else ()


async def receive(
    platform: Platform,
    document: dict[str, Json],
    keys: tuple[tuple[str, str], ...],
    parts: tuple[Part, ...],
    members: tuple[Member, ...] = (),
    *,
    used: bool,
) -> tuple[Arrival, list[Gathered]]:
    """Keep an event for those who listen and those who will; return the sets it makes whole."""
    event, told = event_key(document["source"], document["id"]), Outcome(event=document).to_json()
    parcel = parcel_name(event, uuid.uuid4().hex)
    if platform.blobs.is_large(told):
        await platform.ledger.announce(parcel, platform.clock())
    outcome = await platform.blobs.pack(told, parcel, ROOM)
    arrival = Arrival(event, outcome, platform.clock(), keys, used, parts, members)
    return await platform.ledger.receive(arrival)


async def tell(platform: Platform, arrival: Arrival) -> Opened:
    """Tell those who listen of an event that is kept; return what their steps opened."""
    opened, seen = NOTHING, 0
    for key in arrival.keys:
        after = "", ""
        while rows := await platform.ledger.deliver(arrival, key, after, _PAGE):
            after = rows[-1].run, listen_of(rows[-1].instance)
            for row in rows[: max(0, _AT_ONCE - seen)]:
                opened = opened.and_(await platform.settler.hear(row))
            seen += len(rows)
    return opened


async def expire(platform: Platform, now: float) -> None:
    """Forget the events that were kept long enough; those that nobody consumed are unmatched."""
    ledger = platform.ledger
    events = await ledger.stale(now - platform.settings.inbox_ttl, _PAGE)
    for each in events:
        if not each.used:
            await unmatched(platform, (await platform.blobs.unpack(each.outcome))["event"], now)
    if events:
        await ledger.forget([each.event for each in events])


async def unmatched(platform: Platform, document: dict[str, Json], now: float) -> None:
    """Keep an event for people to see: nothing will ever come of it."""
    name, text = identify(document["source"], document["id"]), orjson.dumps(document).decode()
    await platform.ledger.add_unmatched(name, text, now, platform.settings.unmatched_kept)


def _fitting(
    platform: Platform, shapes: Sequence[Shape], document: dict[str, Json]
) -> tuple[tuple[str, str], ...]:
    found = ((each.digest, correlation_of(each, document, platform.jq.evaluate)) for each in shapes)
    return tuple((name, value) for name, value in found if value is not None)
