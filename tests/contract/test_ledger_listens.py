"""Events and those who listen, in every ledger: whoever comes first, the two find each other."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from events.flow.listening import Shape
from functions.host.ledger import open_ledger
from functions.host.ledger.rows.fork import ForkRow, ScopeRow
from functions.host.ledger.rows.gathering import Gathered, Look, Member, Part, Tally
from functions.host.ledger.rows.history import Entry
from functions.host.ledger.rows.letter import Letter, LetterStatus
from functions.host.ledger.rows.listen import Arrival, Subscription
from functions.host.ledger.rows.run import RunStatus
from functions.host.ledger.rows.task import TaskRow, TaskState
from functions.host.ledger.rows.transition import Transition
from tests.contract.test_ledger import NOW, after, flow, recorded, row, run

if TYPE_CHECKING:
    from functions.host.ledger import Ledger

LISTEN = "/do/0/l#1"
KEY = ("shape", "")


def listen(instance: str = LISTEN, run_id: str = "r1", scope: str = "") -> TaskRow:
    made = row(run_id, instance)
    return replace(
        made, scope=scope, tool="", state=TaskState.LISTENING, due_at=NOW, input="[]"
    )  # fmt: skip


def subscription(
    instance: str = LISTEN, run_id: str = "r1", key: tuple[str, str] = KEY, scope: str = ""
) -> Subscription:
    return Subscription(*key, run_id, instance, scope, "/do/0/l", "/do/0/l")


def began(*instances: str, run_id: str = "r1", key: tuple[str, str] = KEY) -> Transition:
    """Return the first step of a run that listens."""
    return Transition(
        run_id, "", 0, '{"s":0}', NOW, None, 0,
        timers=tuple(listen(each, run_id) for each in instances),
        subscriptions=tuple(subscription(each, run_id, key) for each in instances),
        entries=(Entry("run.started", NOW),),
    )  # fmt: skip


def arrival(
    name: str = "e1", at: float = NOW, keys: tuple[tuple[str, str], ...] = (KEY,)
) -> Arrival:
    return Arrival(name, f'{{"event":"{name}"}}', at, keys)


def heard(told: TaskRow, rev: int = 1, **others: object) -> Transition:
    """Return what a step writes that follows from an event."""
    base = Transition(
        told.run, told.scope, rev, '{"s":1}', NOW, told.instance, told.token,
        consumed=(("/do/0/l", told.instance.rpartition("~")[2]),),
    )  # fmt: skip
    return replace(base, **others)  # type: ignore[arg-type]


async def told(ledger: Ledger, event: Arrival, limit: int = 100) -> list[str]:
    """Receive and deliver an event; return who was told, page after page."""
    await ledger.receive(event)
    found: list[str] = []
    for key in event.keys:
        after = "", ""
        while rows := await ledger.deliver(event, key, after, limit):
            after = rows[-1].run, rows[-1].instance.rpartition("~")[0]
            found += [each.instance for each in rows]
    return found


async def looked(ledger: Ledger, limit: int = 100, instance: str = LISTEN) -> list[str]:
    """Have a listen look for what came before it; return what it was told."""
    return [each.instance for each in await ledger.look(listen(instance), limit)]


async def due(ledger: Ledger, now: float = NOW) -> list[str]:
    """Return what the clock would attend to."""
    return [work.task.instance for work in await ledger.overdue(now, 100)]


async def test_shapes_are_found_by_type(ledger: Ledger) -> None:
    """Every version's shapes are known, those of no constant type for each event."""
    shapes = [
        Shape("s1", "a", {"with": {"type": "a"}}),
        Shape("s2", "b", {"with": {"type": "b"}}),
        Shape("s3", None, {"with": {}}),
    ]
    await ledger.deploy(flow(), [], (), shapes[:2])
    await ledger.deploy(flow("2.0.0", "sha256:b"), [], (), shapes[1:])
    assert sorted(await ledger.shapes("b"), key=lambda each: each.digest) == shapes[1:]
    assert await ledger.shapes("c") == shapes[2:]


async def test_who_listens_is_told_at_once(ledger: Ledger) -> None:
    """An event opens one RECORDED row for each listen of its key, whatever is delivered again."""
    for name in ("r1", "r2", "r3"):
        await ledger.open(run(name), began(LISTEN, run_id=name))
    await ledger.open(run("r4"), began(LISTEN, run_id="r4", key=("shape", "other")))
    assert await told(ledger, arrival(), limit=2) == [f"{LISTEN}~e1"] * 3
    assert await told(ledger, arrival()) == [f"{LISTEN}~e1"] * 3
    [row] = [each for each in await ledger.tasks("r1") if each.state is TaskState.RECORDED]
    assert (row.outcome, row.tool, row.scope) == ('{"event":"e1"}', "", "")
    assert len(await ledger.tasks("r4")) == 1


async def test_a_listen_finds_what_came_before(ledger: Ledger) -> None:
    """The earliest comes first, and what a run began after does not count."""
    for name, at in (("late", NOW + 2), ("old", NOW - 1), ("early", NOW + 1)):
        await ledger.receive(arrival(name, at))
    await ledger.open(run(), began(LISTEN))
    assert await due(ledger) == [LISTEN], "until it has looked the clock would do it"
    assert await looked(ledger, limit=1) == [f"{LISTEN}~early"]
    assert LISTEN in await due(ledger)
    assert await looked(ledger) == [f"{LISTEN}~late"]
    assert await looked(ledger) == []
    assert await due(ledger, 1e12) == [f"{LISTEN}~early", f"{LISTEN}~late"]


async def test_what_is_correlated_may_have_come_before_the_run(ledger: Ledger) -> None:
    """An expected value belongs to a run whenever its event came, and to no other run."""
    key = ("shape", "order 7")
    await ledger.receive(arrival("e1", NOW - 9, (key,)))
    await ledger.receive(arrival("e2", NOW - 9, (("shape", "order 8"),)))
    await ledger.open(run(), began(LISTEN, key=key))
    assert await looked(ledger) == [f"{LISTEN}~e1"]
    await ledger.open(run("r2"), began(LISTEN, run_id="r2"))
    assert await told(ledger, arrival("e3", NOW - 9)) == [], "it came before the run"
    assert await told(ledger, arrival("e4", NOW - 9, (key,))) == [f"{LISTEN}~e4"]


async def test_the_first_arrival_counts(ledger: Ledger) -> None:
    """An event that is delivered again came when it came first."""
    first = arrival(at=NOW)
    assert await ledger.receive(first) == (first, [])
    again = replace(first, at=NOW + 9, outcome='{"stored":"again"}')
    assert await ledger.receive(again) == (first, [])


async def test_what_was_consumed_is_not_told_again(ledger: Ledger) -> None:
    """A later visit hears what the one before did not take, however it comes."""
    second = "/do/0/l#2"
    await ledger.open(run(), began(LISTEN))
    await told(ledger, arrival("e1"))
    await told(ledger, arrival("e2"))
    [first, _] = [each for each in await ledger.tasks("r1") if each.state is TaskState.RECORDED]
    visit = heard(first, deaf=(LISTEN,), timers=(listen(second),))
    assert await ledger.transit(replace(visit, subscriptions=(subscription(second),)))
    states = {each.instance: each.state for each in await ledger.tasks("r1")}
    assert states == {
        LISTEN: TaskState.CLOSED,
        f"{LISTEN}~e1": TaskState.CLOSED,
        f"{LISTEN}~e2": TaskState.CLOSED,
        second: TaskState.LISTENING,
    }
    assert await told(ledger, arrival("e1")) == []
    assert await looked(ledger, instance=second) == [f"{second}~e2"]
    assert await told(ledger, arrival("e2")) == [f"{second}~e2"]


async def test_several_filters_are_told_once(ledger: Ledger) -> None:
    """An event that fits two filters of a listen is one row, on both ways."""
    keys = (KEY, ("other", ""))
    first = began(LISTEN)
    first = replace(first, subscriptions=tuple(subscription(key=key) for key in keys))
    await ledger.open(run(), first)
    await ledger.receive(arrival("e1", keys=keys))
    assert await looked(ledger) == [f"{LISTEN}~e1"]
    assert set(await told(ledger, arrival("e1", keys=keys))) == {f"{LISTEN}~e1"}
    assert len(await ledger.tasks("r1")) == 2


@pytest.mark.parametrize("end", ["cancelled", "completed", "shut"])
async def test_who_has_ended_is_not_told(ledger: Ledger, end: str) -> None:
    """However a listen ends, nothing of it is found any more, and nothing of it is due."""
    call = row(instance="/do/1/c#1")
    if end == "shut":
        within = "/do/0/f#1/0"
        scopes = (ScopeRow(within, "", "/do/0/f#1", state="{}", output=None),)
        forks = (ForkRow("/do/0/f#1", "", compete=False, begun=1, shared="{}"),)
        opened = replace(
            began(), scopes=scopes, forks=forks, timers=(listen(scope=within),),
            subscriptions=(subscription(scope=within),), requests=(call,),
        )  # fmt: skip
    else:
        opened = began(LISTEN)
    await ledger.open(run(), opened)
    await told(ledger, arrival("e1"))
    if end == "cancelled":
        await ledger.cancel("r1", NOW)
    else:
        ending = {"ended": RunStatus.COMPLETED, "output": "1", "deaf": (LISTEN,)}
        told_row = next(e for e in await ledger.tasks("r1") if e.state is TaskState.RECORDED)
        shutting = {"shuts": (("/do/0/f#1", "/do/0/f#1/"),), "scope": "", "consumed": ()}
        change = ending if end == "completed" else shutting
        assert await ledger.transit(heard(told_row, **change))
    assert await told(ledger, arrival("e2")) == []
    assert await ledger.look(listen(), 100) == []
    open_ = [e.instance for e in await ledger.tasks("r1") if e.state is not TaskState.CLOSED]
    assert open_ == ([call.instance] if end == "shut" else [])


async def test_a_suspended_run_is_told_and_stands_still(ledger: Ledger) -> None:
    """What it was told is due when it goes on, in the order in which it came."""
    await ledger.open(run(), began(LISTEN))
    await looked(ledger)
    await ledger.suspend("r1", NOW)
    for number in (2, 1, 3):
        await told(ledger, arrival(f"e{number}", NOW + number))
    assert await due(ledger, 1e12) == []
    await ledger.resume("r1", NOW + 50)
    assert await due(ledger, NOW + 50) == [f"{LISTEN}~e{number}" for number in (1, 2, 3)]


async def test_a_run_that_goes_on_for_another_hears_what_came_for_it(ledger: Ledger) -> None:
    """What came since the first of them began, though the first one consumed it."""
    await ledger.open(run(), began(LISTEN))
    await told(ledger, arrival("e1", NOW + 1))
    [row] = [each for each in await ledger.tasks("r1") if each.state is TaskState.RECORDED]
    assert await ledger.transit(heard(row))
    second = replace(run("r2"), origin="r1", started_at=NOW + 5)
    await ledger.open(second, began(LISTEN, run_id="r2"))
    third = replace(run("r3"), origin="r2", started_at=NOW + 9)
    await ledger.open(third, began(LISTEN, run_id="r3"))
    for name in ("r2", "r3"):
        found = await ledger.look(listen(run_id=name), 10)
        assert [each.instance for each in found] == [f"{LISTEN}~e1"]


async def test_a_faulted_run_keeps_what_it_was_told_for_its_redrive(ledger: Ledger) -> None:
    """Events that came before and after the fault are due once the run goes on."""
    call = row(instance="/do/1/c#1")
    await ledger.open(run(), replace(began(LISTEN), requests=(call,)))
    await looked(ledger)
    await told(ledger, arrival("e1", NOW + 1))
    task = await recorded(ledger, call)
    letter = Letter("l", LetterStatus.OPEN, "no", 500, NOW, "", {"id": "e"}, "r1", task.instance)
    assert await ledger.transit(after(task, ended=RunStatus.FAULTED, error={}, letter=letter))
    await told(ledger, arrival("e2", NOW + 2))
    assert await due(ledger, 1e12) == []
    assert await ledger.redrive(letter, NOW + 9, None)
    assert await due(ledger, NOW + 9) == [f"{LISTEN}~e1", f"{LISTEN}~e2", call.instance]


async def test_an_archived_run_listens_no_more(ledger: Ledger) -> None:
    """A run that faulted while it listened is told nothing once nobody can redrive it."""
    call = row(instance="/do/1/c#1")
    await ledger.open(run(), replace(began(LISTEN), requests=(call,)))
    task = await recorded(ledger, call)
    assert await ledger.transit(after(task, ended=RunStatus.FAULTED, error={}))
    assert await told(ledger, arrival("e1")) == [f"{LISTEN}~e1"]
    assert await ledger.archive("r1", NOW)
    assert await told(ledger, arrival("e2")) == []
    assert await ledger.tasks("r1") == []


async def test_what_an_archived_run_heard_was_heard(ledger: Ledger) -> None:
    """A run may leave the ledger before its events do; they have still found somebody."""
    await ledger.deploy(flow(), [], (), [Shape(KEY[0], "a", {"with": {"type": "a"}})])
    await ledger.open(run(), began(LISTEN))
    await told(ledger, replace(arrival("e1"), parts=(Part("sha256:a", 0, 2, ""),)))
    [first] = [each for each in await ledger.tasks("r1") if each.instance.endswith("~e1")]
    assert await ledger.transit(heard(first, ended=RunStatus.COMPLETED, output="1"))
    assert await ledger.archive("r1", NOW)
    assert [(each.event, each.used) for each in await ledger.stale(NOW + 1, 9)] == [("e1", True)]
    _, made = await ledger.receive(part("e2", 1))
    assert [each.events for each in made] == [("e1", "e2")]  # it still is one of its set


async def test_old_events_are_dropped(ledger: Ledger) -> None:
    """What nobody consumed and what started no run is known when it is dropped."""
    await ledger.open(run(), began(LISTEN))
    for number, name in enumerate(("heard", "lost", "used", "fresh")):
        await told(ledger, replace(arrival(name, NOW + number), used=name == "used"))
    rows = [each for each in await ledger.tasks("r1") if each.instance.endswith("~heard")]
    assert await ledger.transit(heard(rows[0]))
    kept = await ledger.stale(NOW + 3, 100)
    assert {each.event: each.used for each in kept} == {"heard": True, "lost": False, "used": True}
    assert len(await ledger.stale(NOW + 3, 2)) == 2
    await ledger.forget([each.event for each in kept])
    assert [each.event for each in await ledger.stale(NOW + 9, 100)] == ["fresh"]


def part(name: str, number: int, at: float = NOW, correlation: str = "") -> Arrival:
    """Return an event that passes one of two filters of a flow's `schedule.on.all`."""
    return replace(arrival(name, at, ()), parts=(Part("sha256:a", number, 2, correlation),))


async def test_a_set_is_whole_with_its_last_event(ledger: Ledger) -> None:
    """Of each filter the earliest event counts, each in one set, however often it comes."""
    sets = []
    for name, number in (("a1", 0), ("a2", 0), ("b1", 1), ("a1", 0), ("b1", 1), ("b2", 1)):
        _, made = await ledger.receive(part(name, number, NOW + int(name[1])))
        sets.append([each.events for each in made])
    assert sets == [[], [], [("a1", "b1")], [], [], [("a2", "b2")]]
    assert {each.used for each in await ledger.stale(NOW + 9, 9)} == {True}


async def test_a_set_is_of_one_correlation(ledger: Ledger) -> None:
    """Events of different correlations are in no set together."""
    await ledger.receive(part("a1", 0, correlation="x"))
    assert (await ledger.receive(part("b1", 1, correlation="y")))[1] == []
    [made] = (await ledger.receive(part("b2", 1, correlation="x")))[1]
    assert (made.digest, made.outcomes) == ("sha256:a", ('{"event":"a1"}', '{"event":"b2"}'))


async def test_an_event_counts_for_one_filter(ledger: Ledger) -> None:
    """One that passes both filters waits for another one."""
    both = (Part("sha256:a", 0, 2, ""), Part("sha256:a", 1, 2, ""))
    assert (await ledger.receive(replace(part("a", 0), parts=both)))[1] == []
    _, made = await ledger.receive(replace(part("b", 0), parts=both))
    assert [set(each.events) for each in made] == [{"a", "b"}]


async def test_a_set_stays_until_its_run_is_started(ledger: Ledger) -> None:
    """Whoever dies before has left it to the clock."""
    await ledger.receive(part("a", 0))
    [made] = (await ledger.receive(part("b", 1)))[1]
    assert await ledger.gathered(NOW) == []
    assert await ledger.gathered(NOW + 1) == [replace(made, events=())]
    await ledger.started(made)
    assert await ledger.gathered(NOW + 1) == []


def member(name: str, at: float = NOW, correlation: str = "") -> Arrival:
    """Return an event that a flow gathers."""
    return replace(arrival(name, at, ()), members=(Member("sha256:a", correlation, (0, 2)),))


async def gathered(ledger: Ledger, correlation: str = "") -> list[tuple[str, bool]]:
    """Return the events of a gathering, and which of them were looked at."""
    found = await ledger.gathering("sha256:a", correlation)
    return [(each.event, each.looked) for each in found]


async def test_events_are_gathered_in_the_order_they_came(ledger: Ledger) -> None:
    """Each counts once, with the filters that it passed, and is neither unmatched nor forgotten."""
    for name, at in (("b", NOW + 2), ("a", NOW + 1), ("b", NOW + 3), ("c", NOW)):
        await ledger.receive(member(name, at))
    await ledger.receive(member("d", correlation="x"))
    found = await ledger.gathering("sha256:a", "")
    assert [(each.event, each.outcome, each.filters) for each in found] == [
        (name, f'{{"event":"{name}"}}', (0, 2)) for name in "bac"
    ]
    assert {each.used for each in await ledger.stale(NOW + 9, 9)} == {True}
    await ledger.forget(["a", "b", "c", "d"])
    await ledger.receive(member("b"))
    assert await gathered(ledger) == [("b", False), ("a", False), ("c", False)]
    assert await gathered(ledger, "x") == [("d", False)]
    assert await ledger.tally("sha256:a") == Tally(4, 2, NOW)
    assert await ledger.tally("sha256:b") == Tally(0, 0, None)


async def test_a_gathering_is_looked_at(ledger: Ledger) -> None:
    """What was looked at is due no more; what came since, or what was left over, is."""
    await ledger.deploy(flow(), [])
    for name in "abc":
        await ledger.receive(member(name))
    assert await ledger.unlooked(NOW) == []
    assert await ledger.unlooked(NOW + 1) == [("sha256:a", "")]
    assert await ledger.gather(Look("sha256:a", "", ("a", "b"), NOW))
    assert await gathered(ledger) == [("a", True), ("b", True), ("c", False)]
    assert await ledger.gather(Look("sha256:a", "", ("a", "b", "c"), NOW))
    assert await ledger.unlooked(NOW + 1) == []
    made = Gathered("g", "sha256:a", ('{"event":"a"}',))
    assert await ledger.gather(Look("sha256:a", "", ("a", "b", "c"), NOW, ("a", "b"), made))
    assert await gathered(ledger) == [("c", False)]
    assert await ledger.gathered(NOW + 1) == [made]
    for late in (Look("sha256:a", "", ("a", "b"), NOW), Look("sha256:a", "", ("a",), NOW, ("a",))):
        assert not await ledger.gather(late)
    await ledger.receive(member("a"))
    assert await gathered(ledger) == [("c", False)], "a late copy of what was spent is nothing new"


async def test_an_older_version_gathers_no_more(ledger: Ledger) -> None:
    """What it has is to be looked at, whatever was seen of it before and is seen of it later."""
    await ledger.deploy(flow(), [])
    await ledger.receive(member("a"))
    look = Look("sha256:a", "", ("a",), NOW)
    assert await ledger.gather(look)
    await ledger.deploy(flow("1.1.0", "sha256:b"), [])
    assert await gathered(ledger) == [("a", False)]
    assert await ledger.gather(look)
    assert await gathered(ledger) == [("a", False)]


async def test_one_of_those_who_look_makes_the_set(ledger_url: str) -> None:
    """Hosts that look at the same time make one set of the same events."""
    one, other = open_ledger(ledger_url), open_ledger(ledger_url)
    try:
        for number in range(10):
            await one.receive(member(f"e{number}"))
            made = Gathered(f"g{number}", "sha256:a", ("{}",))
            look = Look("sha256:a", "", (f"e{number}",), NOW, (f"e{number}",), made)
            assert sorted(await asyncio.gather(one.gather(look), other.gather(look))) == [
                False,
                True,
            ]
        assert len(await one.gathered(NOW + 1)) == 10
    finally:
        await one.close()
        await other.close()


async def test_sets_are_whole_whoever_comes_last(ledger_url: str) -> None:
    """Hosts that receive the events of a set at the same time make one set of them."""
    one, other = open_ledger(ledger_url), open_ledger(ledger_url)
    try:
        made = []
        for number in range(10):
            name = str(number)
            received = await asyncio.gather(
                one.receive(part(f"a{name}", 0, correlation=name)),
                other.receive(part(f"b{name}", 1, correlation=name)),
            )
            made += [each.events for _, sets in received for each in sets]
        assert made == [(f"a{number}", f"b{number}") for number in range(10)]
    finally:
        await one.close()
        await other.close()


async def test_neither_misses_the_other(ledger_url: str) -> None:
    """Hosts that write an event and a listen at the same time find them, whoever is first."""
    doors, hosts = open_ledger(ledger_url), open_ledger(ledger_url)
    try:
        for number in range(25):
            name, key = f"r{number}", ("shape", f"k{number}")

            async def arrives(event: Arrival) -> None:
                await told(doors, event)

            async def registers(name: str, key: tuple[str, str]) -> None:
                await hosts.open(run(name), began(LISTEN, run_id=name, key=key))
                await hosts.look(listen(run_id=name), 10)

            both = [arrives(arrival(f"e{number}", keys=(key,))), registers(name, key)]
            await asyncio.gather(*(both if number % 2 else both[::-1]))
            rows = [each.instance for each in await hosts.tasks(name)]
            assert rows == [LISTEN, f"{LISTEN}~e{number}"]
    finally:
        await doors.close()
        await hosts.close()


async def test_the_clock_finishes_what_a_host_began(ledger: Ledger) -> None:
    """A host that dies before it has looked, or before it has advanced, leaves that due."""
    await ledger.receive(arrival("e1", NOW + 1))
    await ledger.open(run(), began(LISTEN))
    assert await due(ledger) == [LISTEN]
    await looked(ledger)
    assert await due(ledger, NOW + 5) == [f"{LISTEN}~e1"]
