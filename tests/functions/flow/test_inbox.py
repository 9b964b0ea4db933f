"""Events at the door, on a real ledger without a broker: who hears them, and who never will."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from events.envelope import parse
from functions.flow import gathering, inbox
from functions.flow.clock import Clock
from functions.flow.deploy import deploy
from functions.flow.door import Door
from functions.host.assembly import Platform, opened
from functions.host.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from functions.host.ledger.rows.run import RunRow

HEAR = "[{l: {listen: {to: {one: {with: {type: a}}}}}}]"


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[Platform]:
    """A service's own parts, without a broker: the flows here need none."""
    async with opened(Settings(data=tmp_path, K_SINK="http://127.0.0.1:9/")) as made:
        yield made


async def deployed(
    platform: Platform, name: str, do: str, schedule: str = "", version: str = "1.0.0"
) -> None:
    """Deploy a flow."""
    head = f"document: {{dsl: '1.0.3', namespace: ear, name: {name}, version: {version}}}"
    more = f"schedule: {{on: {schedule}}}\n" if schedule else ""
    await deploy(platform, f"{head}\n{more}do: {do}\n")


async def come(platform: Platform, kind: str, number: int = 0, data: Any = None) -> None:
    """Have an event come to the door."""
    event = {"specversion": "1.0", "id": f"{kind}{number}", "source": "/t", "type": kind}
    body = orjson.dumps(event | {"data": data or {"n": number}})
    headers = [("content-type", "application/cloudevents+json")]
    await Door(platform, Clock(platform)).take(parse(headers, body))


async def runs(platform: Platform) -> list[RunRow]:
    """Return all runs, the oldest first."""
    found = await platform.ledger.runs(flow=None, status=None, limit=100)
    return sorted(found, key=lambda run: run.started_at)


async def test_what_nobody_hears_is_unmatched_in_the_end(platform: Platform) -> None:
    """An event is kept for those who will listen; it is told as unmatched when its time is over."""
    await deployed(platform, "hear", HEAR, "{one: {with: {type: b}}}")
    await come(platform, "a", 1)
    assert await platform.ledger.unmatched(9) == []
    now = platform.clock()
    await inbox.expire(platform, now)
    assert await platform.ledger.unmatched(9) == []
    await inbox.expire(platform, now + platform.settings.inbox_ttl + 1)
    [text] = await platform.ledger.unmatched(9)
    assert orjson.loads(text)["id"] == "a1"
    await come(platform, "b")
    await come(platform, "a", 2)
    [run] = await runs(platform)
    assert (run.status, run.output) == ("completed", '[{"n":2}]')
    await inbox.expire(platform, now + platform.settings.inbox_ttl + 9)
    assert len(await platform.ledger.unmatched(9)) == 1, "what was heard is not unmatched"


async def test_a_run_does_not_hear_the_event_that_starts_it(platform: Platform) -> None:
    """It came before the run; delivered again it is still the same event."""
    await deployed(platform, "echo", HEAR, "{any: []}")
    await come(platform, "a", 1)
    await come(platform, "a", 1)
    [run] = await runs(platform)
    assert run.status == "running"
    await come(platform, "a", 2)
    first, second = await runs(platform)
    assert (first.id, first.output, second.status) == (run.id, '[{"n":2}]', "running")


async def test_many_that_listen_are_all_told(platform: Platform) -> None:
    """Those that the door does not see to itself are due for the clock."""
    await deployed(platform, "hear", HEAR, "{one: {with: {type: b}}}")
    for number in range(20):
        await come(platform, "b", number)
    await come(platform, "a")
    for work in await platform.ledger.overdue(platform.clock(), 100):
        await platform.settler.settle(work)
    assert {run.status for run in await runs(platform)} == {"completed"}


async def test_a_set_whose_door_died_is_started_by_the_clock(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once its events are received a set has its run, and one run only."""
    every = "{all: [{with: {type: a}}, {with: {type: b}}]}"
    await deployed(platform, "both", "[{s: {set: '${ {n: [$workflow.input[].id]} }'}}]", every)
    await come(platform, "b")
    with monkeypatch.context() as broken:
        broken.setattr(gathering, "start", _died)
        with pytest.raises(OSError, match="died"):
            await come(platform, "a")
    assert await runs(platform) == []
    await gathering.keep(platform, platform.clock())
    assert await runs(platform) == [], "the door has a moment to do it"
    for _ in range(2):
        await gathering.keep(platform, platform.clock() + 60)
        await come(platform, "a")
    [run] = await runs(platform)
    assert (run.status, run.output) == ("completed", '{"n":["a0","b0"]}')


UNTIL = "{any: [{with: {type: a}}], until: {one: {with: {type: b}}}}"
IDS = "[{s: {set: '${ {n: [$workflow.input[].id]} }'}}]"


async def test_events_are_gathered_until_one_ends_it(platform: Platform) -> None:
    """One run begins with all of them in order, each once however often it came."""
    await deployed(platform, "until", IDS, UNTIL)
    await come(platform, "b", 0)
    for number in (2, 1, 2, 3):
        await come(platform, "a", number)
    assert await runs(platform) == []
    await inbox.expire(platform, platform.clock() + 2 * platform.settings.inbox_ttl)
    await come(platform, "b", 1)
    await come(platform, "a", 4)
    await come(platform, "b", 1)
    [run] = await runs(platform)
    assert (run.status, run.output) == ("completed", '{"n":["a2","a1","a3"]}')
    assert await platform.ledger.unmatched(9) == [], "not even what came long ago"


async def test_events_are_gathered_until_a_condition_holds(platform: Platform) -> None:
    """What comes afterwards is gathered for the next run; those that come together count alike."""
    await deployed(platform, "until", IDS, "{any: [], until: 'length == 3'}")
    await asyncio.gather(*(come(platform, "x", number) for number in range(7)))
    first, second = await runs(platform)
    names = [each for run in (first, second) for each in orjson.loads(run.output or "")["n"]]
    assert len(set(names)) == 6
    assert {first.status, second.status} == {"completed"}
    await come(platform, "x", 7)
    await come(platform, "x", 8)
    assert len(await runs(platform)) == 3


@pytest.mark.parametrize("dies", ["look", "start"])
async def test_a_gathering_whose_door_died_is_seen_to_by_the_clock(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, dies: str
) -> None:
    """Whoever receives an event and dies, before it looks or before it starts, loses nothing."""
    await deployed(platform, "until", IDS, UNTIL)
    await come(platform, "a", 1)
    with monkeypatch.context() as broken:
        broken.setattr(gathering, dies, _died)
        with pytest.raises(OSError, match="died"):
            await come(platform, "b")
    await gathering.keep(platform, platform.clock())
    assert await runs(platform) == [], "the door has a moment to do it"
    for _ in range(2):
        await gathering.keep(platform, platform.clock() + 60)
        await come(platform, "b")
    [run] = await runs(platform)
    assert (run.status, run.output) == ("completed", '{"n":["a1"]}')


async def test_a_new_version_goes_on_with_what_the_old_one_gathered(platform: Platform) -> None:
    """What passes no filter of the new one is unmatched, where people see it."""
    await deployed(platform, "until", IDS, "{any: [], until: {one: {with: {type: b}}}}")
    await come(platform, "a", 1)
    await come(platform, "x", 2)
    await come(platform, "a", 3)
    await deployed(platform, "until", IDS, UNTIL, "1.1.0")
    await gathering.keep(platform, platform.clock() + 60)
    [text] = await platform.ledger.unmatched(9)
    assert orjson.loads(text)["id"] == "x2"
    await come(platform, "b", 4)
    [run] = await runs(platform)
    assert (run.version, run.output) == ("1.1.0", '{"n":["a1","a3"]}')


async def test_a_version_that_comes_while_one_looks_has_the_events(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever looked for the old version sees the new one, and is done."""
    await deployed(platform, "until", IDS, "{any: [], until: 'length > 9'}")
    looked = gathering._seen

    async def raced(*arguments: Any) -> Any:
        await deployed(platform, "until", IDS, UNTIL, "1.1.0")
        return await looked(*arguments)

    monkeypatch.setattr(gathering, "_seen", raced)
    async with asyncio.timeout(20):
        await come(platform, "a", 1)
    monkeypatch.undo()
    await come(platform, "b", 2)
    [run] = await runs(platform)
    assert (run.version, run.output) == ("1.1.0", '{"n":["a1"]}')


async def _died(*_: Any, **__: Any) -> Any:
    raise OSError("died")
