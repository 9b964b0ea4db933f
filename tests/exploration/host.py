"""One process, of which every transaction and every event sent waits for somebody's choice.

All of it is the real code. What stands in for a part is small: the ledger is the embedded one
over a database in memory, the sink hands events to the world, threads do their work at once.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import orjson
from pydantic import RootModel

from events.envelope import to_binary
from events.flow.syntax import Flow
from functions.flow.clock import Clock
from functions.flow.door import Door
from functions.host.assembly import Platform
from functions.host.blobs import Blobs
from functions.host.context import Context, Resources
from functions.host.deployed import Deployed, Deployments
from functions.host.emitting import Emitter
from functions.host.faults import SinkUnavailable
from functions.host.hop import Worker
from functions.host.jq import JqPool
from functions.host.ledger import LedgerUnavailable
from functions.host.ledger.sqlite import SqliteLedger, flows, gatherings, listens
from functions.host.outcomes import RetryPolicy
from functions.host.settings import Settings
from functions.host.settle import Settler
from functions.host.shared import Shared
from functions.host.states import States
from functions.host.stepping import Stepper
from functions.host.tool import Tool, tool

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from events.envelope import Event, Message
    from events.flow.listening import Shape
    from events.flow.steps import Evaluate
    from functions.host.ledger.rows.flow import DoorRow, FlowRow, Schedule
    from functions.host.ledger.rows.gathering import Gathered
    from functions.host.outcomes import Outcome

SETTINGS: Final = Settings(_env_file=None)
BEFORE: Final = "before"
AFTER: Final = "after"


class Unhurried(JqPool):
    """Expressions that are waited for: that one is slow is no one's choice."""

    def within(self, seconds: float) -> Evaluate:  # noqa: ARG002 - it takes the time it takes
        """Return what waits."""
        return self.evaluate


EXPRESSIONS: Final = Unhurried()


class Inline(Executor):
    """Does everything at once, where it is asked for: the order stays a matter of choice."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Do it and return it done."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - it belongs to whoever asked
            future.set_exception(error)
        return future


class Gates:
    """Where one host waits before everything that others could see."""

    def __init__(self) -> None:
        self.waiting: deque[asyncio.Future[str]] = deque()
        self.sends: set[asyncio.Future[str]] = set()
        self.seen = b""
        """A digest of all that this host was told since it took its delivery."""
        self.dead = False

    async def wait(self, *, send: bool = False) -> str:
        """Wait to be chosen, and return what fails: BEFORE it is done, AFTER, or nothing.

        A host that died is never chosen.
        """
        gate: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.waiting.append(gate)
        if send:
            self.sends.add(gate)
        fails = await gate
        if self.dead:
            raise asyncio.CancelledError
        return fails

    @property
    def sending(self) -> bool:
        """Whether what comes next only hands an event over."""
        return bool(self.waiting) and self.waiting[0] in self.sends

    def saw(self, what: object) -> None:
        """Note what the host was told: what it does next follows from these alone."""
        self.seen = hashlib.blake2b(self.seen + repr(what).encode()).digest()


class GatedLedger(SqliteLedger):
    """The embedded ledger, one transaction for each choice."""

    def __init__(self, database: sqlite3.Connection, gates: Gates) -> None:
        self._database, self._gates = database, gates
        self._seen = {}
        self._write = cast("Any", self._transact)

    async def _read(self, work: Callable[[sqlite3.Connection], Any]) -> Any:
        return await self._transact(work)

    # what follows nobody writes once the flows are deployed, for they have no schedule: at
    # which moment it is read makes no difference

    async def doors(self, event_type: str) -> list[DoorRow]:
        return flows.doors(self._database, event_type)

    async def shapes(self, event_type: str) -> list[Shape]:
        return listens.shapes(self._database, event_type)

    async def scheduled(self, now: float) -> list[Schedule]:
        return flows.scheduled(self._database, now)

    async def unlooked(self, before: float) -> list[tuple[str, str]]:
        return gatherings.unlooked(self._database, before)

    async def gathered(self, before: float) -> list[Gathered]:
        return gatherings.waiting(self._database, before)

    async def _transact(self, work: Callable[[sqlite3.Connection], Any], **_how: bool) -> Any:
        fails = await self._gates.wait()
        if fails == BEFORE:
            raise LedgerUnavailable("as told")
        self._seen.clear()
        self._database.execute("BEGIN")
        try:
            value = work(self._database)
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")
        if fails == AFTER:
            raise LedgerUnavailable("as told")
        self._gates.saw(value)
        return value


class GatedSink:
    """The broker as a host reaches it: each event is one choice."""

    def __init__(self, gates: Gates, take: Callable[[Message], None]) -> None:
        self._gates, self._take = gates, take

    async def send(self, messages: list[Message]) -> None:
        """Hand events over, one after the other."""
        for message in messages:
            fails = await self._gates.wait(send=True)
            if fails != BEFORE:
                self._take(message)
            if fails:
                raise SinkUnavailable("as told")
            self._gates.saw("sent")

    async def publish(self, events: list[Event]) -> None:
        """Hand events over that are no messages yet."""
        await self.send([to_binary(event) for event in events])


class Given(RootModel[Any]):
    """What the tool is asked, and what it answers."""


Answer = Callable[[dict[str, Any], Context], Any]


class Untimed(Tool):
    """A tool whose outcomes say nothing of how long they took, which is no one's choice."""

    async def call(self, data: Any, context: Context) -> Outcome:
        """Run the handler."""
        return replace(await super().call(data, context), work_ms=0.0)


@dataclass
class Host:
    """One process that serves the tool `ping` and the door; or the clock."""

    gates: Gates
    worker: Worker
    door: Door
    clock: Clock
    platform: Platform
    task: asyncio.Task[Any] | None = None
    delivery: str = ""

    @property
    def busy(self) -> bool:
        """Whether it does something, be it after its answer."""
        return self.task is not None or bool(self.platform.settler._onward._doing)

    def die(self) -> None:
        """Do nothing any more."""
        self.gates.dead = True
        if self.task is not None:
            self.task.cancel()
        self.platform.settler.close()


def raised(
    database: sqlite3.Connection,
    flows: Sequence[FlowRow],
    now: Callable[[], float],
    take: Callable[[Message], None],
    answer: Answer,
    jq: JqPool = EXPRESSIONS,
    settings: Settings = SETTINGS,
) -> Host:
    """Start a process.

    Args:
        database: The ledger.
        flows: All flows there are.
        now: The time.
        take: Gets the events it sends.
        answer: Answers for the tool.
        jq: Evaluates the flows' expressions.
        settings: What the operator says.
    """
    gates = Gates()

    def moment() -> float:
        gates.saw(found := now())  # what it does next may go by this, however late that is
        return found

    ledger = GatedLedger(database, gates)
    blobs = Blobs(cast("Any", None), 1 << 30)
    sink = GatedSink(gates, take)
    deployments = Deployments(ledger)
    for flow in flows:
        deployments._known[flow.digest] = deployed(flow)
    shared, grace = Shared(ledger, blobs), settings.request_grace
    states = States(ledger, blobs)
    stepper = Stepper(shared, states, blobs, deployments, jq, moment, grace=grace, max_steps=1000)
    stepper._threads = cast("Any", Inline())  # threads are no one's choice
    emitter = Emitter(ledger, blobs, cast("Any", sink))
    settler = Settler(ledger, blobs, stepper, emitter, moment, lease=settings.lease, soon=0.0)
    platform = Platform(
        settings, ledger, cast("Any", None), blobs, deployments, cast("Any", sink), jq,
        emitter, settler, moment,
    )  # fmt: skip

    async def handle(request: Given, context: Context) -> Given:
        return Given(answer(request.root, context))

    described = tool(handle, name="ping", version="1.0.0", timeout=1e6)
    untimed = Untimed(**{name: getattr(described, name) for name in Tool.__slots__})
    worker = Worker(
        untimed,
        platform,
        RetryPolicy(3, 1.0, 1.0),
        folder=Path(),
        http=cast("Any", None),
        resources=Resources(),
        luck=lambda: 0.0,
    )
    worker._cold = False  # a cold start is only a note in the history
    clock = Clock(platform)
    gates.seen = b""
    return Host(gates, worker, Door(platform, clock), clock, platform)


def deployed(row: FlowRow) -> Deployed:
    """Return a flow as the state machine reads it."""
    return Deployed(row, _flow(orjson.dumps(row.definition)))


@lru_cache(maxsize=64)
def _flow(definition: bytes) -> Flow:
    return Flow.model_validate_json(definition)
