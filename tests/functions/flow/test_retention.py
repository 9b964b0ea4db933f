"""Large events on a real ledger: they leave the object store with the last who refers to them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from functions.flow import inbox
from functions.flow.archive import Archive
from functions.flow.retention import Retention
from functions.host.assembly import Platform, opened
from functions.host.ledger import LedgerUnavailable
from functions.host.settings import Settings
from tests.functions.flow.test_inbox import HEAR, come, deployed, runs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from functions.host.ledger.rows.listen import Arrival

LARGE = "x" * 100_000
TWO = "[{l: {listen: {to: {all: [{with: {type: a}}, {with: {type: c}}]}}}}]"


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[Platform]:
    """A service's own parts; events are kept for an hour, runs for a day."""
    settings = Settings(
        data=tmp_path,
        K_SINK="http://127.0.0.1:9/",
        inbox_ttl=3600,
        retention=86_400,
        lifecycle="off",
    )
    async with opened(settings) as made:
        yield made


async def at(platform: Platform, hours: float) -> list[str]:
    """Let what leaves by itself do so, some hours from now; return what objects are left."""
    now = platform.clock() + hours * 3600
    await inbox.expire(platform, now)
    await Retention(replace(platform, clock=lambda: now)).tick()
    return [key for room in ("runs", "events") for key in await platform.objects.list(f"{room}/")]


async def test_an_event_stays_for_those_who_heard_it(platform: Platform) -> None:
    """Its data outlives its time in the inbox, and leaves with the run that was told of it."""
    await deployed(platform, "two", TWO, "{one: {with: {type: b}}}")
    await come(platform, "b")
    await come(platform, "a", data=LARGE)
    [kept] = await at(platform, 2)
    assert kept.startswith("events/")
    await come(platform, "c")
    [run] = await runs(platform)
    assert run.status == "completed"
    assert len(await at(platform, 4)) > 1, "the run's own output is large too"
    assert await at(platform, 30) == []
    archived = await Archive(platform.objects, platform.blobs).get(run.id)
    assert archived
    assert archived.run.output
    assert LARGE in archived.run.output
    assert any(LARGE in (task.outcome or "") for task in archived.tasks)


async def test_an_event_that_nobody_heard_leaves_with_its_time(platform: Platform) -> None:
    """It is whole among the unmatched, and nowhere else."""
    await deployed(platform, "hear", HEAR, "{one: {with: {type: b}}}")
    await come(platform, "a", data=LARGE)
    assert len(await at(platform, 0.5)) == 1
    assert await at(platform, 2) == []
    [text] = await platform.ledger.unmatched(9)
    assert LARGE in text


async def test_what_a_dying_door_leaves_is_found(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event is delivered again and heard; what the first delivery stored is deleted."""

    async def away(_: Arrival) -> None:
        raise LedgerUnavailable("away")

    await deployed(platform, "hear", HEAR, "{one: {with: {type: b}}}")
    await come(platform, "b")
    with monkeypatch.context() as broken:
        broken.setattr(platform.ledger, "receive", away)
        with pytest.raises(LedgerUnavailable):
            await come(platform, "a", data=LARGE)
    await come(platform, "a", data=LARGE)
    [run] = await runs(platform)
    assert run.status == "completed"
    assert len([key for key in await at(platform, 0) if key.startswith("events/")]) == 2
    assert len([key for key in await at(platform, 0.5) if key.startswith("events/")]) == 1


async def test_an_archived_run_leaves_nothing_whoever_dies(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the object store is away when a run is archived, its objects go with the next look."""

    async def away(_self: Archive, _: str) -> None:
        raise OSError("away")

    await deployed(platform, "hear", HEAR, "{one: {with: {type: b}}}")
    await come(platform, "b")
    await come(platform, "a", data=LARGE)
    with monkeypatch.context() as broken:
        broken.setattr(Archive, "clear", away)
        with pytest.raises(OSError, match="away"):
            await at(platform, 30)
    [run] = await runs(platform)
    assert run.archived
    assert await at(platform, 31) == []
