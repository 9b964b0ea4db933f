"""Whatever the order, and whatever goes wrong on the way: no transition is lost or done twice.

Every order of what two hosts, the broker and the clock do is gone through, transaction by
transaction, with what may go wrong at every point at which it may: a host dies, an event is
delivered again, is lost outright, or the clock finds leases over whose holders are still at
work (they had been frozen, and wake). States are recognised, so each is gone on from once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest

from tests.exploration.explorer import Violation, explore
from tests.exploration.world import Budget, event, flow, nothing_twice

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from events.envelope import Message
    from functions.host.ledger.rows.transition import Transition
    from tests.exploration.world import World

SEQUENCE = flow("""
  - a: {call: ping, with: {n: 1}}
  - b: {call: ping, with: {n: '${ .n }'}}
""")
JOIN = flow("""
  - f:
      fork:
        branches:
          - a: {call: ping, with: {n: 1}}
          - b: {call: ping, with: {n: 2}}
  - c: {call: ping, with: {n: '${ .[1].n }'}}
""")
COMPETE = flow("""
  - f:
      fork:
        compete: true
        branches:
          - a: {call: ping, with: {n: 1}}
          - b: {call: ping, with: {n: 2}}
  - c: {call: ping, with: {n: '${ .n }'}}
""")
TIMERS = flow("""
  - t:
      try:
        - a: {call: ping, with: {n: 1}, timeout: {after: {seconds: 60}}}
      catch:
        do:
          - late: {set: {n: 100}}
  - w: {wait: {seconds: 5}}
  - b: {call: ping, with: {n: '${ .n }'}}
""")
CHILD = flow("""
  - p: {call: ping, with: {n: 0}}
  - r: {run: {workflow: {namespace: test, name: child, version: latest}}}
  - b: {call: ping, with: {n: '${ .n }'}}
""")
CHILD += "\n---\n" + flow("\n  - a: {call: ping, with: {n: 1}}\n", "child")
ALONE = flow("""
  - p: {call: ping, with: {n: 0}}
  - r: {run: {await: false, workflow: {namespace: test, name: child, version: latest}}}
  - b: {call: ping, with: {n: 2}}
""")
ALONE += "\n---\n" + flow("\n  - a: {set: {n: 1}}\n", "child")
LISTEN = flow("""
  - l: {listen: {to: {all: [{with: {type: x}}, {with: {type: y}}]}}}
  - b: {call: ping, with: {n: '${ .[0].n + .[1].n }'}}
""")
LOOP = flow("""
  - loop:
      for: {in: '[1, 2]'}
      do:
        - l:
            listen: {to: {one: {with: {type: x}}}}
            export: {as: '{seen: (($context.seen // []) + [.[0].n])}'}
      output: {as: '{n: ($context.seen | sort)}'}
""")
LATE = flow("""
  - t:
      try:
        - l: {listen: {to: {one: {with: {type: x}}}}, timeout: {after: {seconds: 60}}}
      catch:
        do:
          - late: {set: {x: [{n: 100}]}, output: {as: .x}}
  - s: {set: {n: '${ .[0].n }'}}
""")
EARLY = flow("""
  - a: {call: ping, with: {n: 1}}
  - l: {listen: {to: {one: {with: {type: x}}}}}
""")
EACH = flow("""
  - f:
      for: {in: '${ [1, 2, 3] }'}
      metadata: {tendril: {concurrency: 2}}
      do:
        - a: {call: ping, with: {n: '${ $item }'}}
""")
TURNS = flow("""
  - f:
      for: {in: '${ [1, 2] }'}
      metadata: {tendril: {concurrency: 1}}
      do:
        - a: {call: ping, with: {n: '${ $item }'}}
""")
EVENTS: dict[str, list[Message]] = {
    "listen": [event("x", 1), event("y", 2)],
    "loop": [event("x", 1), event("x", 2)],
    "late": [event("x", 1)],
    "early": [event("x", 1)],
}
"""What comes from outside."""
FLOWS: dict[str, tuple[str, list[object]]] = {
    "sequence": (SEQUENCE, [{"n": 3}]),
    "join": (JOIN, [{"n": 4}]),
    "compete": (COMPETE, [{"n": 3}, {"n": 4}]),
    "timers": (TIMERS, [{"n": 3}, {"n": 101}]),
    "child": (CHILD, [{"n": 3}]),
    "alone": (ALONE, [{"n": 3}]),
    "listen": (LISTEN, [{"n": 4}]),
    "loop": (LOOP, [{"n": [1, 2]}]),
    "late": (LATE, [{"n": 1}, {"n": 100}]),
    "early": (EARLY, [[{"n": 1}]]),
    "each": (EACH, [[{"n": 2}, {"n": 3}, {"n": 4}]]),
    "turns": (TURNS, [[{"n": 2}, {"n": 3}]]),
}
"""Flows, and what they may give."""
MISHAPS = {
    "a crash": Budget(crashes=1),
    "a duplicate": Budget(duplicates=1),
    "a loss": Budget(losses=1),
    "a frozen host": Budget(early=1),
    "a crash and a duplicate": Budget(crashes=1, duplicates=1),
}
QUICK = [
    *[("sequence", mishap) for mishap in MISHAPS],
    *[("timers", mishap) for mishap in MISHAPS],
    *[("child", mishap) for mishap in MISHAPS],
    *[("turns", mishap) for mishap in MISHAPS],
    ("each", "a loss"),
    ("alone", "a crash"),
    ("compete", "a crash"),
    ("late", "a frozen host"),
    ("loop", "a crash"),
    ("early", "a crash"),
]
THOROUGH = [
    *[
        (name, mishap)
        for name in ("compete", "join", "alone")
        for mishap in MISHAPS
        if (name, mishap) not in [*QUICK, ("compete", "a frozen host")]
    ],
    *[(name, mishap) for name in ("listen", "loop") for mishap in ("a duplicate", "a loss")],
    ("listen", "a crash"),
    ("each", "a crash"),
    ("each", "a duplicate"),
    *[("early", mishap) for mishap in MISHAPS if mishap != "a crash"],
]


def completed(outputs: Sequence[object]) -> Callable[[World], str | None]:
    """Return what says why a run that nothing more happens to has not come to a good end."""

    def judge(world: World) -> str | None:
        rows = world.database.execute("SELECT status, output FROM runs ORDER BY depth").fetchall()
        if {status for status, _ in rows} != {"completed"}:
            return f"the runs are {[status for status, _ in rows]}"
        _, output = rows[0]
        if orjson.loads(output) not in outputs:
            return f"the output is {output}"
        left = world.database.execute(
            "SELECT instance, state FROM tasks WHERE state <> 'closed'"
        ).fetchall()
        return f"still open: {left}" if left else None

    return judge


async def gone_through(name: str, mishap: str) -> None:
    """Go through every order of a flow."""
    text, outputs = FLOWS[name]
    judges = nothing_twice, completed(outputs)
    found = await explore(text, MISHAPS[mishap], *judges, EVENTS.get(name, ()))
    assert found.ends > 0


@pytest.mark.parametrize(("name", "mishap"), QUICK)
async def test_no_order_loses_or_doubles_a_transition(name: str, mishap: str) -> None:
    """A run completes once, with its one output and nothing left open, in every order."""
    await gone_through(name, mishap)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "mishap"), THOROUGH)
async def test_no_order_of_branches_loses_or_doubles_a_transition(name: str, mishap: str) -> None:
    """The same of branches that end at the same time, whatever goes wrong."""
    await gone_through(name, mishap)


async def test_a_promise_that_is_broken_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a ledger that compares nothing before it sets, an order is found that does so twice."""

    def close(db: sqlite3.Connection, step: Transition) -> bool:
        db.execute(
            "UPDATE tasks SET state = 'closed', outcome = coalesce(?, outcome) "
            "WHERE run = ? AND instance = ?",
            (step.outcome, step.run, step.closes),
        )
        return True

    monkeypatch.setattr("functions.host.ledger.sqlite.tasks.close", close)
    with pytest.raises(Violation, match="written more than once"):
        await gone_through("sequence", "a frozen host")
