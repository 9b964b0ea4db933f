"""Redrive of runs that have no task to go on from, on a real ledger without a broker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest

from events.envelope import parse
from functions.flow.clock import Clock
from functions.flow.deploy import deploy
from functions.flow.door import Door
from functions.flow.redrive import redrive
from functions.flow.starting import start
from functions.host.assembly import Platform, opened
from functions.host.faults import Refused
from functions.host.ledger.rows.letter import LetterStatus
from functions.host.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from functions.host.ledger.rows.letter import Letter
    from functions.host.ledger.rows.run import RunRow

HEAD = "document: {dsl: '1.0.3', namespace: first, name: step, version: 1.0.0}\ndo:\n"
FAULT = """
  - fault:
      if: $workflow.input.n < 0
      raise: {error: {type: 'https://a.test', status: 418}}
"""
AT_ONCE = f"{HEAD}{FAULT}  - s: {{set: {{n: '${{ .n }}'}}}}"
HEARD = f"{HEAD}  - l: {{listen: {{to: {{one: {{with: {{type: a}}}}}}}}}}{FAULT}"


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[Platform]:
    """A service's own parts, without a broker: the flows here need none."""
    async with opened(Settings(data=tmp_path, K_SINK="http://127.0.0.1:9/")) as made:
        yield made


async def begun(platform: Platform, text: str) -> RunRow:
    """Start a run that will fault."""
    row, _ = await deploy(platform, text)
    run, _ = await start(platform, row, {"n": -1}, door="api", source="/t", key="1", trace="")
    return run


async def known(platform: Platform, run_id: str | None) -> RunRow:
    """Return a run as it stands."""
    run = await platform.ledger.run(run_id or "")
    assert run
    return run


async def left(platform: Platform) -> Letter:
    """Return the one open dead letter."""
    [letter] = await platform.ledger.letters(status=LetterStatus.OPEN)
    return letter


async def test_a_run_that_faulted_in_its_first_step_begins_again(platform: Platform) -> None:
    """It is a new run, with the same input or a corrected one; each letter is redriven once."""
    old = await begun(platform, AT_ONCE)
    first = await left(platform)
    assert (first.run, first.instance) == (old.id, None)
    again = await known(platform, await redrive(platform, first))
    second = await left(platform)
    assert (again.status, again.origin, second.run) == ("faulted", old.id, again.id)
    shown = await platform.ledger.letter(first.id)
    assert shown
    with pytest.raises(Refused, match="was redriven already"):
        await redrive(platform, shown, {"n": 1})
    done = await known(platform, await redrive(platform, second, {"n": 1}))
    assert (done.status, done.output, done.origin) == ("completed", '{"n":1}', again.id)
    assert await platform.ledger.letters(status=LetterStatus.OPEN) == []


async def test_a_run_that_an_event_faulted_hears_it_again(platform: Platform) -> None:
    """What the old run heard is the new one's to hear."""
    await begun(platform, HEARD)
    event = {"specversion": "1.0", "id": "1", "source": "/t", "type": "a", "data": {"n": 7}}
    headers = [("content-type", "application/cloudevents+json")]
    await Door(platform, Clock(platform)).take(parse(headers, orjson.dumps(event)))
    run_id = await redrive(platform, await left(platform), {"n": 1})
    for _ in range(3):
        await Clock(platform).tick()
    done = await known(platform, run_id)
    assert (done.status, done.output) == ("completed", '[{"n":7}]')
