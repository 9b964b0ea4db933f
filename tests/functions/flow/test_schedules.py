"""Runs that start by time, on a real ledger, the time given by the test."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from functions.flow.deploy import deploy
from functions.flow.schedules import keep
from functions.host.assembly import Platform, opened
from functions.host.ledger.rows.run import RunStatus
from functions.host.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from functions.host.ledger.rows.run import RunRow


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[Platform]:
    """A service's own parts, without a broker: the flows here need none."""
    async with opened(Settings(data=tmp_path, K_SINK="http://127.0.0.1:9/")) as made:
        yield made


async def deployed(
    platform: Platform, schedule: str, version: str = "1.0.0", do: str = ""
) -> float:
    """Deploy a flow with this schedule and return when."""
    do = do or "[{s: {set: {done: true}}}]"
    head = f"document: {{dsl: '1.0.3', namespace: time, name: tick, version: '{version}'}}"
    row, _ = await deploy(platform, f"{head}\nschedule: {schedule}\ndo: {do}\n")
    return row.deployed_at


async def runs(platform: Platform) -> list[RunRow]:
    """Return all runs, the oldest first."""
    found = await platform.ledger.runs(flow=None, status=None, limit=100)
    return sorted(found, key=lambda run: run.started_at)


async def test_every_interval(platform: Platform) -> None:
    """A run starts at each multiple of the interval, once however often the clock looks."""
    began = await deployed(platform, "{every: PT10S}")
    for second in (9, 10, 10.2, 11, 19.9, 20.5, 21, 30):
        await keep(platform, began + second)
    found = await runs(platform)
    assert len(found) == 3
    assert {run.status for run in found} == {RunStatus.COMPLETED}


async def test_missed_times_are_made_up_for_once(platform: Platform) -> None:
    """After a long sleep one run starts, for the last time missed, and the beat goes on."""
    began = await deployed(platform, "{every: {seconds: 10}}")
    await keep(platform, began + 1234)
    await keep(platform, began + 1239.9)
    assert len(await runs(platform)) == 1
    await keep(platform, began + 1240)
    assert len(await runs(platform)) == 2


async def test_cron(platform: Platform) -> None:
    """Cron expressions are read in UTC."""
    began = await deployed(platform, "{cron: '30 8 * * *'}")
    day = datetime.fromtimestamp(began, UTC).replace(hour=8, minute=30, second=0, microsecond=0)
    first = day.timestamp() + (0 if day.timestamp() > began else 86_400)
    await keep(platform, first - 1)
    assert await runs(platform) == []
    await keep(platform, first)
    await keep(platform, first + 86_399)
    assert len(await runs(platform)) == 1
    await keep(platform, first + 86_400)
    assert len(await runs(platform)) == 2


async def test_after_the_end_of_the_run_before(platform: Platform) -> None:
    """`after` starts at once, and again when its time has passed since the run's end."""
    began = await deployed(platform, "{after: PT1M}", do="[{w: {wait: PT1H}}]")
    await keep(platform, began + 0.1)
    [run] = await runs(platform)
    await keep(platform, began + 500)  # it is still going on
    assert len(await runs(platform)) == 1
    await platform.ledger.cancel(run.id, began + 600)
    await keep(platform, began + 601)
    await keep(platform, began + 659)
    assert len(await runs(platform)) == 1
    await keep(platform, began + 660)
    assert len(await runs(platform)) == 2


async def test_each_way_of_a_schedule_starts_its_own_runs(platform: Platform) -> None:
    """An interval, a pause and an event go on side by side; what is due together is two runs."""
    began = await deployed(platform, "{every: PT60S, after: PT60S, on: {one: {with: {type: a}}}}")
    for second, number in ((0, 1), (59, 1), (90, 3)):
        await keep(platform, began + second)
        assert len(await runs(platform)) == number
    assert len(await platform.ledger.doors("a")) == 1


async def test_only_the_newest_version_runs(platform: Platform) -> None:
    """A newer version's schedule takes the place of the one before, also when it has none."""
    began = await deployed(platform, "{every: PT10S}")
    await deployed(platform, "{every: PT1H}", "1.1.0")
    await keep(platform, began + 100)
    assert await runs(platform) == []


async def test_two_clocks_start_one_run(platform: Platform, tmp_path: Path) -> None:
    """Clocks that look at the same moment start the same run, and set the next time once."""
    began = await deployed(platform, "{every: PT10S}")
    async with opened(Settings(data=tmp_path, K_SINK="http://127.0.0.1:9/")) as other:
        [seen] = await other.ledger.scheduled(began + 10)
        await keep(platform, began + 10)
        assert not await other.ledger.reschedule(seen, began + 999, None)
        await keep(other, began + 10)
    assert len(await runs(platform)) == 1
