"""The hop protocol on a real tool process: HTTP in, ledger in the middle, HTTP out."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import orjson
import pytest
from aiohttp import web

from events.envelope import Event, parse, to_binary
from events.flow.parse import parse as parse_flow
from functions.host.assembly import Platform, opened
from functions.host.hop_events import hop_event
from functions.host.ledger.rows.flow import FlowRow
from functions.host.ledger.rows.run import RunRow, RunStatus
from functions.host.ledger.rows.task import TaskState
from functions.host.settings import Settings
from tests.support.ports import free_port
from tests.support.serving import answering

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ROOT = Path(__file__).resolve().parents[3]
TOOLS = [ROOT / "benchmarks" / "tools", ROOT / "tests" / "flows" / "tools"]
FLOW = """
document: {dsl: '1.0.3', namespace: test, name: two, version: '1.0.0'}
do:
  - a: {call: ping, with: {n: '${ .n }'}}
  - b: {call: ping, with: {n: '${ .n }'}}
"""
SLOW = """
document: {dsl: '1.0.3', namespace: test, name: slow, version: '1.0.0'}
do:
  - a: {call: effect, with: {url: '${ .url }', n: 1}}
"""
LARGE = """
document: {dsl: '1.0.3', namespace: test, name: large, version: '1.0.0'}
do:
  - a: {call: effect, with: {url: '${ .url }', n: 1, text: '${ .text }'}}
"""


@dataclass
class Bench:
    """One tool process, one sink, and the ledger between them."""

    platform: Platform
    session: aiohttp.ClientSession
    url: str
    process: subprocess.Popen[bytes]
    sunk: list[Event] = field(default_factory=list)

    async def send(self, event: Event) -> tuple[int, Event | None]:
        """Deliver an event as a broker does; return the status and the reply."""
        headers, body = to_binary(event)
        async with self.session.post(self.url, headers=headers, data=body) as response:
            content = await response.read()
            if response.status == 200:
                return 200, parse(list(response.headers.items()), content)
            return response.status, None


@dataclass
class SinkServer:
    """What a broker is to a host: it takes events and says 202."""

    events: list[Event] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.events.append(parse(list(request.headers.items()), body))
        return web.Response(status=202)


@pytest.fixture
def environment() -> dict[str, str]:
    """Settings of the tool's process; a test may name others."""
    return {}


@pytest.fixture
async def bench(
    tmp_path: Path, environment: dict[str, str], request: pytest.FixtureRequest
) -> AsyncIterator[Bench]:
    """A warm tool, `ping` unless a test names another, over an empty ledger."""
    server = SinkServer()
    app = web.Application()
    app.router.add_post("/", server.take)
    runner = web.AppRunner(app)
    await runner.setup()
    sink, port = free_port(), free_port()
    await web.TCPSite(runner, "127.0.0.1", sink).start()
    settings = {
        "PORT": str(port),
        "K_SINK": f"http://127.0.0.1:{sink}/",
        "TENDRIL_DATA": str(tmp_path),
        "PYTHONPATH": os.pathsep.join(map(str, TOOLS)),
        "TENDRIL_EGRESS_ALLOW": "127.0.0.0/8",
    }
    variables = os.environ | settings | environment
    served = f"{getattr(request, 'param', 'ping')}.app:app"
    process = subprocess.Popen([sys.executable, "-m", "functions.host", served], env=variables)
    ours = Settings(data=tmp_path, K_SINK=settings["K_SINK"])
    async with aiohttp.ClientSession() as session, opened(ours) as platform:
        url = f"http://127.0.0.1:{port}/"
        await ready(session, f"{url}health/ready")
        yield Bench(platform, session, url, process, server.events)
    process.send_signal(signal.SIGCONT)
    process.terminate()
    process.wait(30)
    await runner.cleanup()


async def ready(session: aiohttp.ClientSession, url: str) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with suppress(aiohttp.ClientError):
            async with session.get(url) as response:
                if response.ok:
                    return
        await asyncio.sleep(0.05)
    pytest.fail(f"{url} was not ready")


async def start(bench: Bench, value: Any, run_id: str = "r1", flow: str = FLOW) -> Event:
    """Deploy the flow, start a run and return its first hop event."""
    parsed = parse_flow(flow)
    versions = {"ping": "1.0.0", "effect": "1.0.0"}
    row = FlowRow(parsed.digest, "test", "two", "1.0.0", "", parsed.definition, flow, versions, 0.0)
    await bench.platform.ledger.deploy(row, [])
    run = RunRow(
        run_id, parsed.digest, "test", "two", "1.0.0", 1, RunStatus.RUNNING,
        await bench.platform.blobs.pack(value, run_id), None, None, time.time(), None, "a" * 32,
    )  # fmt: skip
    _, work = await bench.platform.settler.start(run)
    return await hop_event(work.requests[0], bench.platform.blobs)


async def test_a_hop_replies_with_the_next_event(bench: Bench) -> None:
    """Claim, handle, record, advance: the reply to one task is the request of the next."""
    event = await start(bench, {"n": 1})
    status, reply = await bench.send(event)
    assert status == 200
    assert reply
    assert (reply.subject, reply.json()) == ("/do/1/b#1", {"n": 2})
    assert reply.get("causationid") == event.id
    assert await bench.send(reply) == (202, None)
    run = await bench.platform.ledger.run("r1")
    assert run
    assert (run.status, run.output) == (RunStatus.COMPLETED, '{"n":3}')


async def test_a_duplicate_emits_the_recorded_event_again(bench: Bench) -> None:
    """A redelivered event runs nothing twice: the same reply comes until its row is claimed."""
    event = await start(bench, {"n": 1})
    _, first = await bench.send(event)
    _, again = await bench.send(event)
    assert first == again
    assert first
    await bench.send(first)
    assert await bench.send(event) == (202, None)
    history = await bench.platform.ledger.history("r1", 0)
    assert [entry.kind for _, entry in history].count("task.claimed") == 2


async def test_at_most_one_host_works_on_concurrent_duplicates(bench: Bench) -> None:
    """Twenty deliveries at once are one claim and one result."""
    event = await start(bench, {"n": 1})
    answers = await asyncio.gather(*(bench.send(event) for _ in range(20)))
    assert {status for status, _ in answers} <= {200, 202}
    history = await bench.platform.ledger.history("r1", 0)
    kinds = [entry.kind for _, entry in history]
    assert kinds.count("task.claimed") == 1
    assert kinds.count("task.completed") == 1


async def test_a_forged_event_is_a_dead_letter_at_once(bench: Bench) -> None:
    """Other data than the ledger's row, or no row at all, is a 4xx that no broker retries."""
    event = await start(bench, {"n": 1})
    assert (await bench.send(event.with_(runid="nobody")))[0] == 403
    assert (await bench.send(event.with_(inputdigest="0" * 64)))[0] == 400
    assert (await bench.send(event.with_(type="com.example.other")))[0] == 400
    [task] = await bench.platform.ledger.tasks("r1")
    assert task.state is TaskState.REQUESTED


async def test_a_wrong_input_faults_the_run_at_the_task(bench: Bench) -> None:
    """Input the model refuses is a recorded fault with field and reason, and a dead letter."""
    event = await start(bench, {"n": "many"})
    assert await bench.send(event) == (202, None)
    run = await bench.platform.ledger.run("r1")
    assert run
    assert run.error
    assert run.status is RunStatus.FAULTED
    assert (run.error["status"], run.error["instance"]) == (400, "/do/0/a")
    assert "n: Input should be a valid integer" in run.error["detail"]
    [letter] = await bench.platform.ledger.letters()
    assert (letter.run, letter.instance, letter.tool) == ("r1", "/do/0/a#1", "ping")


async def test_large_values_travel_by_reference(bench: Bench) -> None:
    """A value above the threshold leaves the event for the object store and comes back whole."""
    event = await start(bench, {"n": 1, "pad": "x" * 100_000})
    assert event.data == b'{"n":1}'
    run = await bench.platform.ledger.run("r1")
    assert run
    assert run.input.startswith("@runs/r1/")
    assert (await bench.platform.blobs.unpack(run.input))["n"] == 1


async def test_a_killed_host_is_taken_over(bench: Bench) -> None:
    """A frozen host's claim expires; its late outcome changes nothing."""
    event = await start(bench, {"n": 1})
    ledger = bench.platform.ledger
    from events.vocabulary import read_hop  # beside its only use

    stale = await ledger.claim(read_hop(event), now=time.time() - 60, lease=1, cold=False)
    assert stale.work
    status, reply = await bench.send(event)
    assert status == 200
    assert reply
    assert not await ledger.record(stale.work.task, "{}", time.time())


async def test_a_host_is_ready_while_its_ledger_answers(bench: Bench) -> None:
    """Readiness is a 503 that says why while no event could be claimed; liveness stays."""

    async def status(path: str) -> int:
        async with bench.session.get(f"{bench.url}health/{path}") as response:
            return response.status

    with closing(sqlite3.connect(bench.platform.settings.data / "ledger.db")) as ledger:
        ledger.execute("ALTER TABLE runs RENAME TO away")
        assert (await status("ready"), await status("live")) == (503, 200)
        ledger.execute("ALTER TABLE away RENAME TO runs")
        assert await status("ready") == 200


@dataclass
class Gate:
    """A server that answers once it is opened."""

    entered: asyncio.Event = field(default_factory=asyncio.Event)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""
    asked: list[Any] = field(default_factory=list)

    async def pass_through(self, request: web.Request) -> web.Response:
        self.asked.append(await request.json())
        self.entered.set()
        await self.open.wait()
        return web.json_response({"n": 2})


@pytest.fixture
async def gate() -> AsyncIterator[Gate]:
    """A closed gate on loopback."""
    made = Gate()
    async with answering(made.pass_through) as url:
        made.url = f"{url}/"
        yield made
        made.open.set()


@pytest.mark.parametrize("bench", ["effect"], indirect=True)
async def test_a_large_input_travels_by_reference(bench: Bench, gate: Gate) -> None:
    """A hop event names a large input by its dataref, without data; the tool gets it whole."""
    text = "x" * 200_000
    event = await start(bench, {"url": gate.url, "text": text}, flow=LARGE)
    ref = event.get("dataref")
    assert ref
    assert ref.startswith("runs/r1/")
    assert ref.endswith(f"?size={len(orjson.dumps({'url': gate.url, 'n': 1, 'text': text}))}")
    assert not event.data
    gate.open.set()
    assert await bench.send(event) == (202, None)
    assert gate.asked == [{"n": 1, "text": text}]
    run = await bench.platform.ledger.run("r1")
    assert run
    assert (run.status, run.output) == (RunStatus.COMPLETED, '{"n":2}')


@pytest.mark.parametrize("bench", ["effect"], indirect=True)
@pytest.mark.parametrize("environment", [{"TENDRIL_LEASE": "1"}])
async def test_a_claim_lives_as_long_as_its_work(bench: Bench, gate: Gate) -> None:
    """Work of three leases stays claimed by its heartbeat: redeliveries find nothing to do."""
    event = await start(bench, {"url": gate.url}, flow=SLOW)
    flying = asyncio.create_task(bench.send(event))
    await asyncio.wait_for(gate.entered.wait(), 20)
    redelivered = 0
    over = time.monotonic() + 3
    while time.monotonic() < over:
        assert await bench.send(event) == (202, None)
        redelivered += 1
        await asyncio.sleep(0.1)
    gate.open.set()
    assert await asyncio.wait_for(flying, 20) == (202, None)
    assert (redelivered > 10, len(gate.asked)) == (True, 1)
    history = await bench.platform.ledger.history("r1", 0)
    assert [entry.kind for _, entry in history].count("task.claimed") == 1
    run = await bench.platform.ledger.run("r1")
    assert run
    assert (run.status, run.output) == (RunStatus.COMPLETED, '{"n":2}')


@pytest.mark.parametrize("bench", ["effect"], indirect=True)
async def test_a_stopping_host_finishes_what_it_claimed(bench: Bench, gate: Gate) -> None:
    """After SIGTERM no new hop is taken; the one in flight ends, is recorded and answered."""
    flying = asyncio.create_task(bench.send(await start(bench, {"url": gate.url}, flow=SLOW)))
    await asyncio.wait_for(gate.entered.wait(), 20)
    bench.process.terminate()
    await refused(bench.url)
    gate.open.set()
    assert await asyncio.wait_for(flying, 20) == (202, None)
    assert await asyncio.to_thread(bench.process.wait, 20) == -signal.SIGTERM
    run = await bench.platform.ledger.run("r1")
    assert run
    assert (run.status, run.output) == (RunStatus.COMPLETED, '{"n":2}')


async def refused(url: str) -> None:
    """Return once nobody listens at `url` any more."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{url}health/ready"):
                await asyncio.sleep(0.05)
        except aiohttp.ClientConnectorError:
            return
    pytest.fail(f"{url} still takes connections")


@pytest.mark.parametrize("bench", ["effect"], indirect=True)
@pytest.mark.parametrize(
    ("spoil", "status", "said"), [("alter", 500, "was altered"), ("remove", 404, "no object")]
)
async def test_a_spoilt_input_faults_its_task(
    bench: Bench, gate: Gate, spoil: str, status: int, said: str
) -> None:
    """A stored input that is not what was asked for never reaches the tool: the task faults."""
    event = await start(bench, {"url": gate.url, "text": "x" * 200_000}, flow=LARGE)
    key = str(event.get("dataref")).partition("?")[0]
    objects = bench.platform.objects
    if spoil == "alter":
        await objects.put(key, (await objects.get(key)).replace(b"x", b"y", 1))
    else:
        await objects.delete(key)
    assert await bench.send(event) == (202, None)
    run = await bench.platform.ledger.run("r1")
    assert run
    assert run.error
    assert run.status is RunStatus.FAULTED
    assert (run.error["status"], run.error["instance"]) == (status, "/do/0/a")
    assert said in run.error["detail"]
    assert gate.asked == []


@pytest.mark.parametrize("bench", ["effect"], indirect=True)
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        ("UPDATE parts SET value = replace(value, 'xx', 'yy')", "was altered"),
        ("DELETE FROM parts", "a part is lost"),
    ],
)
async def test_a_spoilt_state_faults_its_run(
    bench: Bench, gate: Gate, spoil: str, said: str
) -> None:
    """A run whose stored state was altered ends with the reason; it is not tried for ever."""
    event = await start(bench, {"url": gate.url, "text": "x" * 200_000}, flow=LARGE)
    with closing(sqlite3.connect(bench.platform.settings.data / "ledger.db")) as ledger:
        assert ledger.execute(spoil).rowcount > 0
        ledger.commit()
    gate.open.set()
    assert await bench.send(event) == (202, None)
    run = await bench.platform.ledger.run("r1")
    assert run
    assert run.error
    assert run.status is RunStatus.FAULTED
    assert said in run.error["detail"]
