"""What becomes of a task whose event could not be delivered, on a real ledger."""

from __future__ import annotations

import base64
import json
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from events.envelope import create, parse, to_binary
from events.vocabulary import read_hop
from functions.dead_letter.burial import Burial
from functions.flow.archive import Archive
from functions.flow.deploy import deploy
from functions.flow.redrive import redrive
from functions.flow.starting import start
from functions.host.assembly import Platform, opened
from functions.host.blobs import Blobs
from functions.host.faults import Refused, respond
from functions.host.hop_events import hop_event
from functions.host.ledger import LedgerUnavailable
from functions.host.ledger.rows.letter import LetterStatus
from functions.host.ledger.rows.run import RunStatus
from functions.host.outcomes import Outcome
from functions.host.settings import Settings
from tests.support.serving import answering

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from events.envelope import Event

TOOLS = Path(__file__).resolve().parents[3] / "benchmarks" / "tools"
HEAD = "document: {dsl: '1.0.3', namespace: test, name: one, version: '1.0.0'}\ndo:\n"
BARE = HEAD + "  - a: {call: ping, with: {n: 1}}\n"
TWO = BARE + "  - b: {call: pong, with: {n: '${ .n }'}}\n"
CAREFUL = (
    HEAD
    + """
  - careful:
      try:
        - a: {call: ping, with: {n: 1}}
      catch: {as: err, do: [{say: {set: '${ $err.status }'}}]}
"""
)


@dataclass
class Sunk:
    """The events that were published, and where."""

    url: str = ""
    events: list[Event] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        self.events.append(parse(list(request.headers.items()), await request.read()))
        return web.Response(status=202)


@pytest.fixture
async def sunk() -> AsyncIterator[Sunk]:
    """A broker's door that keeps what it is given."""
    made = Sunk()
    async with answering(made.take) as url:
        made.url = f"{url}/"
        yield made


@pytest.fixture
async def platform(tmp_path: Path, sunk: Sunk) -> AsyncIterator[Platform]:
    """The parts of a service, on a new data folder."""
    async with opened(Settings(data=tmp_path, tools=str(TOOLS), K_SINK=sunk.url)) as made:
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


@contextmanager
def no_ledger(platform: Platform) -> Iterator[None]:
    """Let the ledger find no tasks while the body runs."""
    with closing(sqlite3.connect(platform.settings.data / "ledger.db")) as ledger:
        ledger.execute("ALTER TABLE tasks RENAME TO away")
        yield
        ledger.execute("ALTER TABLE away RENAME TO tasks")


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


async def test_a_letter_about_a_closed_task_emits_what_it_opened(
    platform: Platform, sunk: Sunk
) -> None:
    """A reply that was lost with its delivery is made up for: the next task is asked for again."""
    event = await started(platform, TWO)
    claim = await platform.ledger.claim(read_hop(event), now=platform.clock(), lease=10, cold=False)
    assert claim.work
    following = await platform.settler.finish(claim.work, Outcome({"n": 2}), claim.scope)
    assert following
    [asked] = following.requests
    assert sunk.events == [], "its host died before it could reply"
    await Burial(platform).take(undelivered(event))
    [again] = sunk.events
    assert to_binary(again) == to_binary(await hop_event(asked, platform.blobs))
    assert (again.subject, again.json()) == ("/do/1/b#1", {"n": 2})
    [letter] = await platform.ledger.letters()
    assert letter.status is LetterStatus.DISCARDED
    run = await platform.ledger.run(asked.run.id)
    assert run
    assert run.status is RunStatus.RUNNING


async def test_a_letter_is_stored_although_the_ledger_is_down(
    platform: Platform, sunk: Sunk
) -> None:
    """The event is in the object store before the ledger is asked; the sink says 503: once more."""
    event = undelivered(await started(platform, BARE))
    with no_ledger(platform), pytest.raises(LedgerUnavailable) as raised:
        await Burial(platform).take(event)
    assert respond(raised.value).status_code == 503
    [key] = await platform.objects.list("letters/")
    assert json.loads(await platform.objects.get(key))["id"] == event.id
    assert await platform.ledger.letters() == []
    await Burial(platform).take(event)
    [letter] = await platform.ledger.letters()
    assert (f"letters/{letter.id}", letter.status) == (key, LetterStatus.OPEN)
    assert sunk.events == []


async def test_a_letter_about_an_event_outlives_its_run(platform: Platform, sunk: Sunk) -> None:
    """Large data of an emitted event go with the run that emitted it; the letter has its own."""
    data = json.dumps("x" * 100_000).encode()
    ref = await platform.blobs.store(data, "r" * 32, "events")
    named = {"id": "e1", "source": "/flows/test/one", "type": "com.example.large", "dataref": ref}
    event = create(data=None, **named)
    for _ in range(2):  # the broker may bring it twice
        await Burial(platform).take(undelivered(event))
    await Archive(platform.objects, platform.blobs).clear("r" * 32)
    for parcel in await platform.ledger.unheld(platform.clock() + 3600, 9):
        await Archive(platform.objects, platform.blobs).clear(parcel)
    [letter] = await platform.ledger.letters()
    await redrive(platform, letter)
    [again] = sunk.events
    own = str(again.get("dataref"))
    assert own != ref
    assert await platform.objects.list("events/") == [own.partition("?")[0]]
    assert await Blobs(platform.objects, 0).fetch(own) == data
