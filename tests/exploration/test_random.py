"""Random flows, random orders, random mishaps: what comes of it is what a plain interpreter gives.

The hosts, the ledger, the door and the clock are the real ones. Events are delivered in any
order, twice, late or, those that ask for tasks, never; hosts die between any two transactions,
freeze beyond their leases, and get no answer from the ledger or the broker that did what they
asked. Once all is at rest, the run's output or error, its context, the visits of its tasks, the
calls and the emitted events are those of `tests/support/sequential.py`.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import orjson
import pytest
from hypothesis import Phase, given, note, settings
from hypothesis import strategies as st

from functions.host import states
from tests.exploration.chance import (
    EVENTFUL,
    OTHERS,
    Chance,
    come_late,
    oracle,
    outside,
    play,
    row_of,
)
from tests.exploration.world import RUN, nothing_twice
from tests.support.lifecycles import odd_ends
from tests.support.random_flows import flow
from tests.support.sequential import RaisedError, Reference, SilenceError

if TYPE_CHECKING:
    from random import Random

    from functions.host.ledger.rows.transition import Transition

Json = Any
_COMING = 12
"""Events that come from outside."""
_TOLD = ("runs", "scopes", "parts", "history", "consumed", "outbox", "letters")
"""Tables that tell what became of a run."""


def _closes_whatever_it_is(db: sqlite3.Connection, step: Transition) -> bool:
    """Close a row without a look at its token, its state or its scope's revision."""
    db.execute(
        "UPDATE tasks SET state = 'closed', outcome = coalesce(?, outcome) "
        "WHERE run = ? AND instance = ?",
        (step.outcome, step.run, step.closes),
    )
    return True


BROKEN = {
    "tasks.close": _closes_whatever_it_is,
    "outbox.post": lambda *_: None,
    "tasks.wake": lambda *_: None,
}
"""By what of the ledger is broken: what it does instead."""
anything = given(
    size=st.integers(0, 8),
    random=st.randoms(use_true_random=True),
    number=st.integers(0, 9),
    lots=st.binary(min_size=400, max_size=400).map(lambda lots: lots.rstrip(b"\0")),
    least=st.sampled_from([4096, 8]),
)


@settings(max_examples=200, deadline=None)
@anything
def test_whatever_happens_the_result_is_the_interpreters(
    size: int, random: Random, number: int, lots: bytes, least: int
) -> None:
    """Nothing is lost and nothing counts twice, in any order of any flow.

    With the lower `least`, nearly every part of a state lies beside it.
    """
    with patch.object(states, "_LEAST", least):
        asyncio.run(happened(flow(random, size), {"n": number}, lots))


@pytest.mark.slow
@settings(max_examples=5000, deadline=None)
@anything
def test_whatever_happens_the_result_is_the_interpreters_many_times(
    size: int, random: Random, number: int, lots: bytes, least: int
) -> None:
    """The same, of many more flows."""
    with patch.object(states, "_LEAST", least):
        asyncio.run(happened(flow(random, size), {"n": number}, lots))


async def happened(tasks: list[Json], data: Json, lots: bytes) -> None:
    """Play a flow, hold what came of it against the interpreter, and let all come once more."""
    note(str(tasks))
    coming = _COMING if b'"listen"' in orjson.dumps(tasks) else 0
    flows = (row_of(tasks), *OTHERS)
    world = await Chance.begin(flows, EVENTFUL, outside(coming), orjson.dumps(data).decode())
    try:
        await play(world, lots)
        reference = Reference(data, oracle(world, coming))
        expected = reference.outcome(tasks, data)
        await held(world, reference, expected)
        before = told(world)
        await come_late(world, lots)
        assert told(world) == before, "what came late was not nothing"
    finally:
        await world.close()


async def held(world: Chance, reference: Reference, expected: Json) -> None:
    """Hold what happened against what the interpreter says."""
    assert nothing_twice(world) is None
    assert [odd for history in world.histories() if (odd := odd_ends(history))] == []
    assert world.rows("SELECT * FROM outbox") == []
    calls = Counter(world.effects.values())
    assert not reference.deeds.calls - calls, "calls were not made"
    [(status, output, error)] = world.rows(
        "SELECT status, output, error FROM runs WHERE id = ?", RUN
    )
    if isinstance(expected, SilenceError):
        assert status == "running"
        return
    more = [instance for instance, _ in calls - reference.deeds.calls]
    assert all(_in_vain(instance, reference) for instance in more), f"nobody asked for {more}"
    assert world.emitted() == reference.deeds.emitted
    if isinstance(expected, RaisedError):
        assert status == "faulted", output
        problem = orjson.loads(error)
        assert (problem["status"], problem["instance"]) == (expected.status, expected.instance)
        return
    assert status == "completed", error
    assert orjson.loads(output) == expected
    assert world.rows("SELECT instance FROM tasks WHERE run = ? AND state <> 'closed'", RUN) == []
    state = await world.state()
    assert state["visits"] == reference.visits
    assert state["context"] == reference.context


def _in_vain(instance: str, reference: Reference) -> bool:
    """Tell whether a task is of a fork that was over before all its branches were."""
    return instance.partition("@")[2].startswith(tuple(reference.deeds.cut))


def told(world: Chance) -> dict[str, list[tuple[Any, ...]]]:
    """Return all that the ledger tells of what became of the runs.

    A run that faulted still listens, for a redrive: what it is told of then is no part of it.
    """
    tables = {table: world.rows(f"SELECT * FROM {table}") for table in _TOLD}  # noqa: S608
    return {**tables, "tasks": world.rows("SELECT * FROM tasks WHERE tool <> ''")}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_promise_that_is_broken_is_found(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ledger that forgets one thing it should do soon gives something else."""
    monkeypatch.setattr(f"functions.host.ledger.sqlite.{broken}", BROKEN[broken])

    @settings(
        max_examples=2000,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        report_multiple_bugs=False,
    )
    @anything
    def go(size: int, random: Random, number: int, lots: bytes, least: int) -> None:
        with patch.object(states, "_LEAST", least):
            asyncio.run(happened(flow(random, size), {"n": number}, lots))

    with pytest.raises((AssertionError, sqlite3.IntegrityError)):
        go()
