"""What becomes of a task whose event could not be delivered, on a real ledger."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from functions.dead_letter.burial import Burial
from functions.flow.deploy import deploy
from functions.flow.redrive import redrive
from functions.flow.starting import start
from functions.host.assembly import Platform, opened
from functions.host.faults import Refused
from functions.host.hops import hop_event
from functions.host.ledger.rows import LetterStatus, RunStatus
from functions.host.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from events.envelope import Event

TOOLS = Path(__file__).resolve().parents[3] / "benchmarks" / "tools"
HEAD = "document: {dsl: '1.0.3', namespace: test, name: one, version: '1.0.0'}\ndo:\n"
BARE = HEAD + "  - a: {call: ping, with: {n: 1}}\n"
CAREFUL = (
    HEAD
    + """
  - careful:
      try:
        - a: {call: ping, with: {n: 1}}
      catch: {as: err, do: [{say: {set: '${ $err.status }'}}]}
"""
)


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[Platform]:
    """The parts of a service, on a new data folder."""
    async with opened(Settings(data=tmp_path, tools=str(TOOLS))) as made:
        yield made


async def started(platform: Platform, text: str) -> Event:
    """Deploy a flow, start a run of it and return the event that asks for its first task."""
    flow, _ = await deploy(platform, text)
    _, work = await start(platform, flow, {}, door="api", source="/api", key="k", trace="")
    return await hop_event(work.requests[0], platform.blobs)


def undelivered(event: Event) -> Event:
    """Return the event as a broker hands it to the sink."""
    said = base64.b64encode(b"nobody is here").decode()
    return event.with_(
        knativeerrordest="http://ping.example/", knativeerrorcode=404, knativeerrordata=said
    )


async def test_what_catch_handled_is_not_redriven(platform: Platform) -> None:
    """The flow's catch goes on from the lost delivery; redriving its letter is a 409."""
    event = await started(platform, CAREFUL)
    await Burial(platform).take(undelivered(event))
    [run] = await platform.ledger.runs(flow=None, status=None, limit=10)
    assert (run.status, run.output) == (RunStatus.COMPLETED, "404")
    [letter] = await platform.ledger.letters()
    assert letter.status is LetterStatus.CAUGHT
    with pytest.raises(Refused, match="handled by the flow's catch") as raised:
        await redrive(platform, letter)
    assert raised.value.status == 409


async def test_an_uncaught_loss_faults_the_run_at_its_task(platform: Platform) -> None:
    """Without a catch the run faults there; however often the broker gives up, one letter."""
    event = await started(platform, BARE)
    for _ in range(2):
        await Burial(platform).take(undelivered(event))
    [run] = await platform.ledger.runs(flow=None, status=None, limit=10)
    assert run.error
    assert (run.status, run.error["instance"]) == (RunStatus.FAULTED, "/do/0/a")
    assert "ping: HTTP 404: nobody is here" in run.error["detail"]
    [letter] = await platform.ledger.letters()
    assert (letter.status, letter.instance) == (LetterStatus.OPEN, "/do/0/a#1")
    assert (letter.flow, letter.tool) == ("test/one:1.0.0", "ping")


async def test_a_late_letter_changes_nothing(platform: Platform) -> None:
    """A letter about a task that is not waiting any more is kept, and closed at once."""
    event = await started(platform, BARE)
    [run] = await platform.ledger.runs(flow=None, status=None, limit=10)
    await platform.ledger.cancel(run.id, platform.clock())
    await Burial(platform).take(undelivered(event))
    [letter] = await platform.ledger.letters()
    assert letter.status is LetterStatus.DISCARDED
    again = await platform.ledger.run(run.id)
    assert again
    assert again.status is RunStatus.CANCELLED
    assert await platform.objects.list("letters/") == [f"letters/{letter.id}"]
