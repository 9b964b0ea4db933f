"""One run of a flow made up at random, in one order made up at random, whatever goes wrong."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, ClassVar, Final

import orjson

from events.envelope import create, to_binary
from events.errors import Problem, RetryableError, ToolError
from events.vocabulary import digest
from functions.host.ledger.rows.flow import FlowRow
from functions.host.ledger.rows.history import Entry
from functions.host.settings import Settings
from functions.host.states import States
from tests.exploration.host import Host, Unhurried, raised
from tests.exploration.world import RUN, START, Budget, World
from tests.support.random_flows import CHILDREN, EVENTS, SUBSCRIBED, answer, evaluate
from tests.support.sequential import Oracle

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from events.envelope import Message
    from functions.host.context import Context

Json = Any
EVENTFUL: Final = Budget(*[10**9] * 5)
"""Whatever may go wrong may do so at any time."""
SETTINGS: Final = Settings(_env_file=None, claim_limit=10**6, request_limit=10**6, inbox_ttl=1e9)
"""What is lost is never given up: the sequential interpreter does not give up either."""
_HORIZON: Final = START + 1e8
"""What is due later is meant never to be: a listen for what does not come waits until then."""
_HARM: Final = 224
"""A lot from here on does harm, where it can: one in eight."""
_KINDS: Final = ("crash", "duplicate", "fail", "lose", "tick")


class Said(Unhurried):
    """Evaluates the few programs of the random flows."""

    def evaluate(self, program: str, data: Json, arguments: Mapping[str, Json]) -> Json:
        """Return what the program means."""
        return evaluate(program, data, arguments)

    __call__ = evaluate


def row_of(tasks: list[Json], name: str = "random") -> FlowRow:
    """Return a flow of these tasks as it is deployed."""
    document = {"dsl": "1.0.3", "namespace": "test", "name": name, "version": "1.0.0"}
    definition = {"document": document, "do": tasks}
    return FlowRow(
        digest(definition),
        "test",
        name,
        "1.0.0",
        "",
        definition,
        "",
        dict.fromkeys(["ping", "asyncapi"], "1.0.0"),
        0.0,
    )


OTHERS: Final = tuple(row_of(tasks, name) for name, tasks in CHILDREN.items())


@dataclass
class Chance(World):
    """A world in which time goes from one deadline to the next."""

    TICKS: ClassVar = 1000
    effects: dict[str, tuple[str, int]] = field(default_factory=dict)
    """By idempotency key: the task instance and its argument."""

    def _host(self) -> Host:
        parts = self._time, self._take, self.answer
        return raised(self.database, self.flows, *parts, jq=Said(), settings=SETTINGS)

    def answer(self, request: dict[str, Any], context: Context) -> Any:
        """Answer as the sequential interpreter does; some calls only at the second attempt."""
        done = context.task, request.get("n", SUBSCRIBED)
        assert self.effects.setdefault(context.idempotency_key, done) == done
        if done[1] % 4 == 1 and context.attempt == 1:
            raise RetryableError("not yet")
        answered = answer(context.task, request)
        if isinstance(answered, Problem):
            raise ToolError("busy", type=answered.type, status=answered.status)
        return answered

    def later(self) -> float:
        """Return the next deadline, or when the clock sends what nobody has sent."""
        return self._deadline() or self.now + 5

    def _deadline(self) -> float | None:
        [found] = self.database.execute(
            "SELECT min(t.due_at) FROM tasks t JOIN runs r ON r.id = t.run "
            "JOIN scopes s ON s.run = t.run AND s.scope = t.scope AND s.rev >= 0 "
            "WHERE t.state <> 'closed' AND t.due_at < ? AND r.status = 'running'",
            (_HORIZON,),
        ).fetchone()
        return None if found is None else max(found, self.now) + 0.001

    @property
    def ended(self) -> bool:
        """Whether nothing will ever happen again, unless it comes from outside."""
        [unsent] = self.database.execute("SELECT count(*) FROM outbox").fetchone()
        return not unsent and (super().ended or self._deadline() is None)

    def emitted(self) -> Counter[int]:
        """Return what the flow's own events were about."""
        return Counter(
            orjson.loads(body)["n"]
            for headers, body in self.messages.values()
            if headers["ce-type"] == "emitted"
        )

    def histories(self) -> list[list[Entry]]:
        """Return what happened in each of the runs that have ended."""
        ended = self.rows("SELECT id FROM runs WHERE ended_at IS NOT NULL")
        said = (
            "SELECT kind, at, reference, instance, detail FROM history WHERE run = ? ORDER BY seq"
        )
        return [
            [
                Entry(kind, at, reference, instance, orjson.loads(detail))
                for kind, at, reference, instance, detail in self.rows(said, run)
            ]
            for [run] in ended
        ]

    async def state(self) -> Json:
        """Return the run's state."""
        [(packed,)] = self.rows("SELECT state FROM scopes WHERE run = ? AND scope = ''", RUN)
        host = self.hosts["a"]
        return await self.through(
            host, States(host.platform.ledger, host.platform.blobs).unpack(RUN, "", packed)
        )

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Return what the ledger has."""
        return self.database.execute(sql, values).fetchall()


async def play(world: Chance, lots: bytes) -> None:
    """Choose by lots what happens, and when they are at an end let everything come to rest."""
    for how, which in chain(_pairs(lots), repeat((0, 0))):
        choices = world.choices()
        orderly = [c for c in choices if c[0] in {"step", "deliver"} or c[1] == "forced"]
        if not orderly:
            return
        harmful = [c for c in choices if c not in orderly]
        if how >= _HARM and harmful:
            kinds = [kind for kind in _KINDS if any(c[0] == kind for c in harmful)]
            kind = kinds[how % len(kinds)]
            orderly = [c for c in harmful if c[0] == kind]
        await world.apply(orderly[which % len(orderly)])


def _pairs(lots: bytes) -> Iterator[tuple[int, int]]:
    return zip(lots[::2], lots[1::2], strict=False)


async def come_late(world: Chance, lots: bytes) -> None:
    """Deliver once more everything there ever was."""
    for event in sorted(world.messages):
        if event not in world.pending:
            world.pending.append(event)
    await play(world, bytes(lot % _HARM for lot in lots))


def outside(count: int) -> list[Message]:
    """Return the first events that come from outside."""
    return [_event(**each) for each in EVENTS[:count]]


def _event(*, data: Json, **named: str) -> Message:
    return to_binary(create(data=orjson.dumps(data), datacontenttype="application/json", **named))


def oracle(world: Chance, count: int) -> Oracle:
    """Return what the ledger tells of what only time can tell."""
    heard: dict[str, list[str]] = {}
    for instance, detail in world.rows(
        "SELECT instance, detail FROM history WHERE kind = 'event.heard' ORDER BY position"
    ):
        heard.setdefault(instance, []).append(orjson.loads(detail)["id"])
    first = {
        fork: int(scope.rpartition("/")[2])
        for fork, scope in world.rows(
            "SELECT f.instance, b.scope FROM tasks f JOIN tasks b ON b.run = f.run "
            "AND b.event_id = f.cause WHERE f.tool = '' AND f.state = 'closed' "
            "AND f.outcome NOT IN ('', 'turn')"
        )
    }
    return Oracle(EVENTS[:count], first, heard)
