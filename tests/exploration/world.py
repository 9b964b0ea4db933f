"""Two hosts, a broker and a clock of which every step is somebody's choice.

The broker is a bag of events that may deliver any of them next, and the clock's time goes on
only by choice.
"""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, cast

from events.envelope import create, to_binary
from events.envelope import parse as parse_event
from events.flow.listening import shapes_of
from events.flow.parse import parse as parse_flow
from events.vocabulary import TASK_REQUESTED
from functions.host.faults import SinkUnavailable
from functions.host.ledger import LedgerUnavailable
from functions.host.ledger.rows.flow import FlowRow
from functions.host.ledger.rows.run import RunRow, RunStatus
from functions.host.ledger.sqlite.schema import migrate
from tests.exploration.host import AFTER, BEFORE, Host, deployed, raised

if TYPE_CHECKING:
    from collections.abc import Sequence

    from events.envelope import Message
    from functions.host.context import Context

RUN: Final = "f" * 32
START: Final = 1_000_000.0
LEAP: Final = 10_000.0
"""Seconds that a tick lets pass: every lease, grace, back-off and timer of these flows is over."""
UNTOLD: Final = frozenset({"flows", "doors", "shapes", "tools"})
"""Tables that say nothing of the run."""

Choice = tuple[str, ...]
"""What happens next: `deliver host event`, `step host`, `crash host`, `fail host when`, `duplicate
event`, `lose event` or `tick`."""


@dataclass(frozen=True)
class Budget:
    """How often what may go wrong does."""

    crashes: int = 0
    duplicates: int = 0
    losses: int = 0
    early: int = 0
    """Ticks while somebody is still busy: to that host, this is having been frozen."""
    failures: int = 0
    """Calls of the ledger or the broker that fail, or of which the answer is lost."""


@dataclass(frozen=True)
class Snapshot:
    """A moment in which nobody is busy: all there is to know of the world."""

    database: bytes
    pending: tuple[str, ...]
    delivered: tuple[str, ...]
    now: float
    budget: Budget
    calls: tuple[tuple[str, int], ...]
    ticks: int


def flow(tasks: str, name: str = "explored") -> str:
    """Return the text of a flow of these tasks."""
    head = f"document: {{dsl: '1.0.3', namespace: test, name: {name}, version: '1.0.0'}}"
    return f"{head}\ndo:{tasks}"


def event(kind: str, number: int) -> Message:
    """Return an event from outside."""
    named = {"id": f"{kind}{number}", "source": "/outside", "type": kind}
    data = f'{{"n":{number}}}'.encode()
    return to_binary(create(data=data, datacontenttype="application/json", **named))


@cache
def _empty() -> bytes:
    """Return a ledger that nothing is in."""
    database = sqlite3.connect(":memory:", isolation_level=None)
    migrate(database)
    return database.serialize()


@cache
def flow_rows(text: str) -> tuple[FlowRow, ...]:
    """Return the flows of a text as they are deployed; the first is the one that is run."""
    return tuple(_flow_row(each) for each in text.split("\n---\n"))


def _flow_row(text: str) -> FlowRow:
    parsed = parse_flow(text, "flow.yaml")
    document = parsed.definition["document"]
    return FlowRow(
        parsed.digest,
        document["namespace"],
        document["name"],
        document["version"],
        "",
        parsed.definition,
        text,
        {"ping": "1.0.0"},
        0.0,
    )


@dataclass
class World:
    """Everything there is; `apply` makes one choice and runs until all wait for the next."""

    TICKS: ClassVar = 20
    """Sweeps after which a run that is not over never will be."""
    flows: tuple[FlowRow, ...]
    budget: Budget
    database: sqlite3.Connection
    pending: list[str] = field(default_factory=list)
    delivered: set[str] = field(default_factory=set)
    messages: dict[str, Message] = field(default_factory=dict)
    now: float = START
    calls: Counter[str] = field(default_factory=Counter)
    """How often the handler ran for each task instance."""
    ticks: int = 0
    hosts: dict[str, Host] = field(default_factory=dict)

    @classmethod
    async def begin(
        cls,
        flows: tuple[FlowRow, ...],
        budget: Budget,
        events: Sequence[Message] = (),
        given: str = "{}",
    ) -> Self:
        """Deploy the flows and start the one run that nobody else starts; the events come later."""
        database = sqlite3.connect(":memory:", isolation_level=None)
        database.deserialize(_empty())
        world = cls(flows, budget, database)
        world.raise_hosts()
        host = world.hosts["a"]
        for row in reversed(world.flows):
            shapes = shapes_of(deployed(row).flow)
            await world.through(host, host.platform.ledger.deploy(row, [], (), shapes))
        run = RunRow(
            RUN, row.digest, row.namespace, row.name, row.version, 1, RunStatus.RUNNING, given,
            None, None, START, None, "0" * 32,
        )  # fmt: skip
        _, opened = await world.through(host, host.platform.settler.start(run))
        await world.through(host, host.platform.emitter.emit(run, opened, reply=False))
        for each in events:
            world._take(each)
        return world

    @classmethod
    async def restored(
        cls, flows: tuple[FlowRow, ...], snapshot: Snapshot, messages: dict[str, Message]
    ) -> World:
        """Return to a moment."""
        database = sqlite3.connect(":memory:", isolation_level=None)
        database.deserialize(snapshot.database)
        world = cls(flows, snapshot.budget, database, list(snapshot.pending))
        world.delivered, world.messages = set(snapshot.delivered), messages
        world.now, world.ticks = snapshot.now, snapshot.ticks
        world.calls = Counter(dict(snapshot.calls))
        world.raise_hosts()
        return world

    def snapshot(self) -> Snapshot:
        """Return this moment; nobody may be busy."""
        assert not any(host.busy for host in self.hosts.values())
        return Snapshot(
            self.database.serialize(),
            tuple(sorted(self.pending)),
            tuple(sorted(self.delivered)),
            self.now,
            self.budget,
            tuple(sorted(self.calls.items())),
            self.ticks,
        )

    def raise_hosts(self) -> None:
        """Start all processes."""
        for name in ("a", "b", "clock"):
            self.hosts[name] = self._host()

    def _host(self) -> Host:
        return raised(self.database, self.flows, self._time, self._take, self.answer)

    def answer(self, request: dict[str, Any], context: Context) -> Any:
        """Answer a call of the tool."""
        self.calls[context.task] += 1
        return {"n": request["n"] + 1}

    def _time(self) -> float:
        return self.now

    def _take(self, message: Message) -> None:
        identity = message[0]["ce-id"]
        self.messages[identity] = message
        if identity not in self.pending:  # two copies that wait are one that is delivered twice
            self.pending.append(identity)

    async def through(self, host: Host, work: Any) -> Any:
        """Do something of a host from its beginning to its end."""
        task = asyncio.ensure_future(work)
        await quiet()
        while host.gates.waiting:
            host.gates.waiting.popleft().set_result("")
            await quiet()
        return await task

    def choices(self) -> list[Choice]:
        """Return what may happen next."""
        sending = next((name for name, host in self.hosts.items() if host.gates.sending), None)
        if sending:  # the order of a send and of what others do makes no difference
            crash: list[Choice] = [("crash", sending)] if self.budget.crashes else []
            fails: list[Choice] = [("fail", sending, when) for when in (BEFORE, AFTER)]
            return [("step", sending), *crash, *(fails if self.budget.failures else [])]
        found: list[Choice] = [
            ("step", name) for name, host in self.hosts.items() if host.gates.waiting
        ]
        free = next((name for name in ("a", "b") if not self.hosts[name].busy), None)
        found += [("deliver", free, event) for event in sorted(self.pending) if free]
        idle = not found
        if self.budget.crashes:
            found += [("crash", name) for name, host in self.hosts.items() if host.busy]
        if self.budget.duplicates:
            found += [("duplicate", each) for each in sorted(self.delivered - set(self.pending))]
        if self.budget.losses:
            found += [("lose", event) for event in sorted(self.pending) if self._is_hop(event)]
        if self.budget.failures:
            found += [
                ("fail", name, when)
                for name, host in self.hosts.items()
                if host.gates.waiting
                for when in (BEFORE, AFTER)
            ]
        may = self.ticks < self.TICKS and not self.hosts["clock"].busy and not self.ended
        if may and (idle or self.budget.early):
            found.append(("tick", "forced" if idle else "early"))
        return found

    def _is_hop(self, event: str) -> bool:
        """Whether the ledger knows of an event: only then can losing it do no harm."""
        return self.messages[event][0]["ce-type"] == TASK_REQUESTED

    @property
    def ended(self) -> bool:
        """Whether all runs are over."""
        rows = self.database.execute("SELECT status FROM runs").fetchall()
        return all(status in {"completed", "faulted", "cancelled"} for [status] in rows)

    async def apply(self, choice: Choice) -> None:
        """Make one choice."""
        getattr(self, f"_{choice[0]}")(*choice[1:])
        if choice[0] == "crash":
            self.hosts[choice[1]] = self._host()
        await quiet()
        if choice[0] == "deliver":  # waiting to claim is no different from not being delivered
            self._step(choice[1])
            await quiet()
        for host in self.hosts.values():
            if host.task is not None and host.task.done():
                self._finished(host)
            if not host.busy:
                host.gates.seen = b""

    def _finished(self, host: Host) -> None:
        assert host.task is not None
        task, host.task = host.task, None
        delivery, host.delivery = host.delivery, ""
        try:
            reply = task.result()
        except (LedgerUnavailable, SinkUnavailable):  # a 503, or the clock's next round
            self._again(delivery)
            return
        if delivery:
            self.delivered.add(delivery)
            if reply is not None:
                self._take(reply)

    def _again(self, delivery: str) -> None:
        """Deliver again what nobody acknowledged."""
        if delivery and delivery not in self.pending:
            self.pending.append(delivery)

    def _step(self, name: str) -> None:
        self.hosts[name].gates.waiting.popleft().set_result("")

    def _deliver(self, name: str, event: str) -> None:
        host = self.hosts[name]
        self.pending.remove(event)
        headers, body = self.messages[event]
        host.delivery = event
        taken = host.worker.do if self._is_hop(event) else host.door.take
        host.task = asyncio.ensure_future(taken(parse_event(list(headers.items()), body)))
        host.gates.saw(("deliver", event))

    def _crash(self, name: str) -> None:
        host = self.hosts[name]
        self.budget = replace(self.budget, crashes=self.budget.crashes - 1)
        host.die()
        self._again(host.delivery)

    def _fail(self, name: str, when: str) -> None:
        self.budget = replace(self.budget, failures=self.budget.failures - 1)
        self.hosts[name].gates.waiting.popleft().set_result(when)

    def _duplicate(self, event: str) -> None:
        self.budget = replace(self.budget, duplicates=self.budget.duplicates - 1)
        self.pending.append(event)

    def _lose(self, event: str) -> None:
        self.budget = replace(self.budget, losses=self.budget.losses - 1)
        self.pending.remove(event)

    def later(self) -> float:
        """Return what time it is when the clock ticks next."""
        return self.now + LEAP

    def _tick(self, kind: str) -> None:
        if kind == "early":
            self.budget = replace(self.budget, early=self.budget.early - 1)
        self.ticks += 1
        self.now = self.later()
        host = self.hosts["clock"]
        host.task = asyncio.ensure_future(host.clock.tick())
        host.gates.saw(("tick", self.now))

    def key(self) -> bytes:
        """Return a digest of everything that the future depends on; hosts are alike."""
        digest = hashlib.blake2b(digest_size=16)
        tables = self.database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        for [table] in tables.fetchall():
            if table in UNTOLD:
                continue
            rows = self.database.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608
            digest.update(repr(rows).encode())
        busy = sorted(
            (host.delivery, host.gates.seen, len(host.gates.waiting))
            for name, host in self.hosts.items()
            if name != "clock"
        )
        clock = self.hosts["clock"]
        rest = (
            sorted(self.pending),
            sorted(self.delivered) if self.budget.duplicates else None,
            self.now,
            self.budget,
            sorted(self.calls.items()),
            busy,
            (clock.busy, clock.gates.seen),
        )
        digest.update(repr(rest).encode())
        return digest.digest()

    async def close(self) -> None:
        """End everything that is still going on."""
        others = asyncio.all_tasks() - {cast("Any", asyncio.current_task())}
        for host in self.hosts.values():
            host.gates.dead = True
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        self.database.close()


def nothing_twice(world: World) -> str | None:
    """Say which task or run ended twice in the run's history."""
    rows = world.database.execute(
        "SELECT kind, instance, count(*) FROM history WHERE kind IN "
        "('task.completed', 'task.requested', 'run.completed', 'child.started') "
        "GROUP BY run, kind, instance HAVING count(*) > 1"
    ).fetchall()
    return f"written more than once: {rows}" if rows else None


async def quiet() -> None:
    """Let everybody go on until all wait at a gate."""
    ready = cast("Any", asyncio.get_running_loop())._ready  # what is about to run
    await asyncio.sleep(0)
    while ready:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0)
