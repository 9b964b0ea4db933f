"""Starts the runs of flows that several events start together (`schedule.on`).

The events of `all` are a set as soon as the ledger has the last one of it. Those of `any` with
`until` are first gathered and then looked at, by whoever brought one, else by the clock: the
condition may be an expression, and nothing is locked while it is evaluated.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from events.flow.listening import correlation
from events.flow.starters import Passing, correlated, gathers_until, input_of, passes, whole
from events.vocabulary import identify
from functions.flow import inbox
from functions.flow.starting import start
from functions.host.ledger.rows.gathering import Gathered, Look, Member, Part
from functions.host.ledger.rows.listen import Arrival

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.host.assembly import Platform
    from functions.host.deployed import Deployed
    from functions.host.emitting import Opened
    from functions.host.ledger.rows.flow import DoorRow
    from functions.host.ledger.rows.gathering import Waiting
    from functions.host.ledger.rows.run import RunRow

log = logging.getLogger(__name__)
Json = Any


@dataclass(frozen=True, slots=True)
class Joined:
    """What an event is one of."""

    parts: tuple[Part, ...]
    members: tuple[Member, ...]

    def __bool__(self) -> bool:
        return bool(self.parts or self.members)


async def joined(
    platform: Platform, passed: Sequence[tuple[DoorRow, dict[str, Json] | None]]
) -> Joined:
    """Return what an event is one of, given the values that it has for the keys of each door."""
    parts: list[Part] = []
    members: dict[str, list[tuple[int, dict[str, Json]]]] = {}
    for door, values in passed:
        if values is None or not door.of:
            continue
        if gathers_until((await platform.deployments.get(door.digest)).flow):
            members.setdefault(door.digest, []).append((door.number, values))
        else:
            parts.append(Part(door.digest, door.number, door.of, correlation(values)))
    return Joined(
        tuple(parts),
        tuple(
            Member(digest, name, numbers)
            for digest, own in members.items()
            for name, numbers in correlated(sorted(own, key=lambda each: each[0])).items()
        ),
    )


async def look(platform: Platform, digest: str, correlation: str) -> list[Gathered]:
    """Look at what is gathered; return the sets that are whole. The ledger has them by then."""
    deployed = await platform.deployments.get(digest)
    row, ledger = deployed.row, platform.ledger
    made: list[Gathered] = []
    while waiting := await ledger.gathering(digest, correlation):
        newest = await ledger.flow_named(row.namespace, row.name, None)
        if newest is not None and newest.digest != digest:
            await _move(platform, waiting, await platform.deployments.get(newest.digest))
            spent = tuple(each.event for each in waiting)
            await ledger.gather(Look(digest, correlation, spent, platform.clock(), spent))
        elif all(each.looked for each in waiting):
            break
        else:
            seen = await _seen(platform, deployed, correlation, waiting)
            if await ledger.gather(seen) and seen.made:
                made.append(seen.made)
    return made


async def begin(platform: Platform, gathered: Gathered) -> tuple[RunRow, Opened]:
    """Start the run of a set of events; the caller emits what is open.

    Its identity is that of its events, so whoever dies on the way has lost nothing: the set is
    there until its run is.
    """
    deployed = await platform.deployments.get(gathered.digest)
    events = [await _event(platform, each) for each in gathered.outcomes]
    run, opened = await start(
        platform,
        deployed.row,
        input_of(*events),
        door="on",
        source="/schedule/all",
        key=gathered.id,
        trace=str(events[-1].get("traceparent") or ""),
    )
    await platform.ledger.started(gathered)
    return run, opened


async def keep(platform: Platform, now: float) -> None:
    """Look at what the door did not look at, and start what it did not start."""
    before = now - platform.settings.request_grace
    for digest, name in await platform.ledger.unlooked(before):
        try:
            await look(platform, digest, name)
        except LookupError:
            log.exception("the events of flow %s", digest)
    for gathered in await platform.ledger.gathered(before):
        try:
            run, opened = await begin(platform, gathered)
        except LookupError:
            log.exception("the events of flow %s", gathered.digest)
        else:
            await platform.emitter.emit(run, opened, reply=False)


async def _seen(
    platform: Platform, deployed: Deployed, correlation: str, waiting: Sequence[Waiting]
) -> Look:
    """Return what there is to see in a gathering."""
    passing = [Passing(await _event(platform, each.outcome), each.filters) for each in waiting]
    looked = len(list(takewhile(lambda each: each.looked, waiting)))
    evaluate, flow, digest = platform.jq.evaluate, deployed.flow, deployed.row.digest
    found = await asyncio.to_thread(whole, flow, passing, evaluate, looked)
    seen = Look(digest, correlation, tuple(each.event for each in waiting), platform.clock())
    if found is None:
        return seen
    seen = replace(seen, spent=tuple(waiting[index].event for index in found.spent))
    if not found.starting:
        return seen
    outcomes = tuple(waiting[index].outcome for index in found.starting)
    return replace(seen, made=Gathered(identify("gathered", digest, *seen.spent), digest, outcomes))


async def _move(platform: Platform, waiting: Sequence[Waiting], to: Deployed) -> None:
    """Give events that a flow's older version gathered to its newest, or to the unmatched."""
    for each in waiting:
        event = await _event(platform, each.outcome)
        found: dict[str, tuple[int, ...]] = {}
        if gathers_until(to.flow):
            found = await asyncio.to_thread(passes, to.flow, event, platform.jq.evaluate)
        now, digest = platform.clock(), to.row.digest
        members = tuple(Member(digest, *own) for own in found.items())
        if members:
            arrival = Arrival(each.event, each.outcome, now, (), members=members)
            await platform.ledger.receive(arrival)
        else:
            await inbox.unmatched(platform, event, now)


async def _event(platform: Platform, outcome: str) -> dict[str, Json]:
    event: dict[str, Json] = (await platform.blobs.unpack(outcome))["event"]
    return event
