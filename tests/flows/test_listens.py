"""Flows that listen, on the real platform: events come over HTTP through the broker."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.local_platform import until

if TYPE_CHECKING:
    from tests.support.local_platform import LocalPlatform


@pytest.fixture
def environment(tools: str) -> dict[str, str]:
    """The platform knows the trivial tools."""
    return {"TENDRIL_TOOLS": tools}


def flow(name: str, body: str) -> str:
    """Return a flow's YAML."""
    return f"document: {{dsl: '1.0.3', namespace: ear, name: {name}, version: '1.0.0'}}\n{body}"


def event(kind: str, number: int = 0, **data: Any) -> dict[str, Any]:
    """Return an event; its id tells events of a type apart."""
    return {
        "specversion": "1.0",
        "id": f"{kind}-{number}",
        "source": "/tests",
        "type": kind,
        "data": {"n": number, **data},
    }


async def listening(platform: LocalPlatform, run_id: str) -> dict[str, Any]:
    """Wait until a run listens and has looked for what came before; return what it shows."""
    found: list[dict[str, Any]] = []

    async def listens() -> bool:
        _, run = await platform.api("GET", f"/runs/{run_id}")
        found[:] = [each for each in run["open"] if each["state"] == "listening"]
        return bool(found)

    await until(listens, 20, f"run {run_id} listens")
    return found[0]


PAID = """
do:
  - pay:
      listen:
        to:
          one:
            with: {type: paid}
            correlate: {order: {from: .data.order, expect: '${ .order }'}}
"""


async def test_an_event_finds_its_run(platform: LocalPlatform) -> None:
    """Of several runs the one is told that expects the event's value; early and twice alike."""
    await platform.deploy(flow("order", PAID))
    assert await platform.publish(event("paid", 1, order="early")) == 202
    runs = {
        name: await platform.begin("ear/order", {"order": name}) for name in ("a", "b", "early")
    }
    assert (await platform.ended(runs["early"]))["output"] == [{"n": 1, "order": "early"}]
    shown = await listening(platform, runs["b"])
    assert shown["events"] == [{"with": {"type": "paid"}, "correlate": {"order": "b"}}]
    assert (shown["due"], shown["task"]) == (None, "/do/0/pay")
    for _ in range(2):
        assert await platform.publish(event("paid", 2, order="b")) == 202
    assert (await platform.ended(runs["b"]))["output"] == [{"n": 2, "order": "b"}]
    _, waiting = await platform.api("GET", f"/runs/{runs['a']}")
    assert waiting["status"] == "waiting"
    _, told = await platform.api("GET", f"/runs/{runs['b']}/history")
    kinds = [entry["kind"] for entry in told["history"]]
    assert kinds.count("event.heard") == 1
    assert kinds.count("task.listening") == 1
    status, _ = await platform.api("POST", f"/runs/{runs['a']}/cancel")
    assert status == 202
    assert await platform.publish(event("paid", 3, order="a")) == 202
    _, over = await platform.api("GET", f"/runs/{runs['a']}")
    assert over["status"] == "cancelled"


async def test_a_loop_around_a_listen_hears_everything_once(platform: LocalPlatform) -> None:
    """What comes between two visits is heard by the next, in order; nothing is heard twice."""
    body = """
do:
  - all:
      for: {in: '[range(3)]'}
      do:
        - hear:
            listen: {to: {one: {with: {type: tick}}}}
            export: {as: '$context + {(.[0].n | tostring): true}'}
        - ping: {call: ping, with: {n: '${ .[0].n }'}}
      output: {as: '$context | keys'}
"""
    await platform.deploy(flow("loop", body))
    run = await platform.begin("ear/loop", {})
    await listening(platform, run)
    for number in (1, 2, 1, 3, 2):
        assert await platform.publish(event("tick", number)) == 202
    assert (await platform.ended(run))["output"] == ["1", "2", "3"]


async def test_each_event_has_its_tasks_until_one_ends_it(platform: LocalPlatform) -> None:
    """Tasks run for one event after the other; another flow's `emit` ends the listen."""
    body = """
do:
  - hear:
      listen:
        to:
          any: [{with: {type: reading, data: '${ .n > 1 }'}}]
          until: {one: {with: {type: done}}}
      foreach: {item: reading, do: [{ping: {call: ping, with: {n: '${ $reading.n }'}}}]}
"""
    await platform.deploy(flow("readings", body))
    emit = "do: [{e: {emit: {event: {with: {type: done, source: 'https://x.test/emit'}}}}}]"
    await platform.deploy(flow("end", emit))
    run = await platform.begin("ear/readings", {})
    await listening(platform, run)
    for number in (1, 2, 3, 4):
        assert await platform.publish(event("reading", number)) == 202

    async def heard() -> bool:
        _, told = await platform.api("GET", f"/runs/{run}/history")
        kinds = [entry["kind"] for entry in told["history"]]
        return kinds.count("event.heard") == 3 and kinds.count("task.completed") == 3

    await until(heard, 30, "three events are heard")
    await platform.run("ear/end", {})
    found = await platform.ended(run)
    assert sorted(each["n"] for each in found["output"]) == [3, 4, 5]


async def test_a_listen_may_time_out_compete_and_be_suspended(platform: LocalPlatform) -> None:
    """A timeout ends a listen; so does a branch that was first; a suspended run hears later."""
    late = """
do:
  - t:
      try:
        - l: {listen: {to: {one: {with: {type: never}}}}, timeout: {after: {milliseconds: 300}}}
      catch: {as: e, do: [{s: {set: {status: '${ $e.status }'}}}]}
"""
    await platform.deploy(flow("late", late))
    race = """
do:
  - f:
      fork:
        compete: true
        branches:
          - slow: {listen: {to: {one: {with: {type: slow}}}}}
          - fast: {listen: {to: {one: {with: {type: fast}}}}}
"""
    await platform.deploy(flow("race", race))
    timed = await platform.begin("ear/late", {})
    first, second = [await platform.begin("ear/race", {}) for _ in range(2)]
    await listening(platform, second)
    status, run = await platform.api("POST", f"/runs/{second}/suspend")
    assert (status, run["status"]) == (202, "suspended")
    assert await platform.publish(event("fast", 7)) == 202
    assert (await platform.ended(first))["output"] == [{"n": 7}]
    assert (await platform.ended(timed))["output"] == {"status": 408}
    _, run = await platform.api("GET", f"/runs/{second}")
    assert run["status"] == "suspended"
    await platform.api("POST", f"/runs/{second}/resume")
    assert (await platform.ended(second))["output"] == [{"n": 7}]


async def test_listens_survive_a_crash(platform: LocalPlatform) -> None:
    """Runs that listen, and events that were accepted, are there after everything died."""
    body = "do: [{l: {listen: {to: {all: [{with: {type: one}}, {with: {type: two}}]}}}}]"
    await platform.deploy(flow("pair", body))
    runs = [await platform.begin("ear/pair", {}) for _ in range(5)]
    assert await platform.publish(event("one", 1)) == 202
    await platform.kill()
    await platform.start()
    assert await platform.publish(event("two", 2)) == 202
    found = await asyncio.gather(*(platform.ended(run) for run in runs))
    assert [sorted(each["n"] for each in run["output"]) for run in found] == [[1, 2]] * 5


async def test_events_start_a_run_together(platform: LocalPlatform) -> None:
    """`all` starts a run for each set of events that correlate, `any` one for each event.

    `any` with `until` starts one for all that came before its end.
    """
    both = """
schedule:
  on:
    all:
      - {with: {type: t, data: '${ .n > 0 }'}, correlate: {room: {from: .data.room}}}
      - {with: {type: h}, correlate: {room: {from: .data.room}}}
do: [{s: {set: '${ {room: $workflow.input[1].data.room, n: [$workflow.input[].data.n]} }'}}]
"""
    await platform.deploy(flow("both", both))
    any_ = "schedule: {on: {any: [{with: {type: t}}, {with: {type: x}}]}}\ndo: [{s: {set: {x: 1}}}]"
    await platform.deploy(flow("any", any_))
    room = "correlate: {room: {from: .data.room}}"
    until_ = f"""
schedule:
  on:
    any: [{{with: {{type: t}}, {room}}}]
    until: {{one: {{with: {{type: end}}, {room}}}}}
do: [{{s: {{set: '${{ {{n: [.[].data.n] | sort}} }}'}}}}]
"""
    await platform.deploy(flow("until", until_))
    for number, kind, place in (
        (1, "h", 7),
        (2, "t", 8),
        (0, "t", 7),
        (3, "t", "7"),
        (3, "t", "7"),
    ):
        assert await platform.publish(event(kind, number, room=place)) == 202
    found: dict[str, list[dict[str, Any]]] = {}

    async def both_started() -> bool:
        for name in ("both", "any", "until"):
            _, listed = await platform.api("GET", f"/runs?flow=ear/{name}")
            found[name] = listed["runs"]
        ends = {run["status"] for runs in found.values() for run in runs}
        return ends == {"completed"} and len(found["both"]) == 1 and len(found["any"]) == 3

    await until(both_started, 30, "the runs are started")
    assert found["both"][0]["output"] == {"room": 7, "n": [3, 1]}
    assert found["until"] == []
    _, shown = await platform.api("GET", "/flows/ear/until")
    assert (shown["gathered"]["events"], shown["gathered"]["gatherings"]) == (3, 2)
    await platform.kill()
    await platform.start()
    assert await platform.publish(event("end", 1, room=7)) == 202

    async def until_started() -> bool:
        _, listed = await platform.api("GET", "/runs?flow=ear/until")
        return [run["output"] for run in listed["runs"]] == [{"n": [0, 3]}]

    await until(until_started, 30, "the run of what was gathered has ended")
