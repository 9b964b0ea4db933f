"""What every ledger promises, whatever stores it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from events.vocabulary import Hop, digest, hop_id
from functions.host.ledger.claims import Verdict, turn_of
from functions.host.ledger.rows.flow import DoorRow, FlowRow
from functions.host.ledger.rows.fork import ForkRow, Join, ScopeRow
from functions.host.ledger.rows.history import Entry
from functions.host.ledger.rows.letter import Letter, LetterStatus
from functions.host.ledger.rows.outbox import Outgoing
from functions.host.ledger.rows.run import RunRow, RunStatus
from functions.host.ledger.rows.task import TaskRow, TaskState
from functions.host.ledger.rows.transition import Transition

if TYPE_CHECKING:
    from functions.host.ledger import Ledger

NOW = 1_000.0


def flow(version: str = "1.0.0", digest: str = "sha256:a") -> FlowRow:
    imports = {"schemas": {"https://schema": {"type": "object"}}}
    return FlowRow(digest, "shop", "order", version, "", {"do": []}, "do: []", {}, NOW, imports)


def run(run_id: str = "r1") -> RunRow:
    return RunRow(
        run_id, "sha256:a", "shop", "order", "1.0.0", 1, RunStatus.RUNNING, "{}", None, None,
        NOW, None, "0" * 32,
    )  # fmt: skip


def row(run_id: str = "r1", instance: str = "/do/0/a#1", cause: str = "") -> TaskRow:
    return TaskRow(
        run_id, instance, "", instance.partition("#")[0], "echo", 1, "1.0.0", 1, 0,
        hop_id(run_id, instance, 1), cause, '{"x":1}', digest({"x": 1}), TaskState.REQUESTED,
        NOW + 5, requested_at=NOW,
    )  # fmt: skip


def first(*rows: TaskRow, run_id: str = "r1") -> Transition:
    return Transition(
        run_id, "", 0, '{"s":0}', NOW, None, 0, rows, entries=(Entry("run.started", NOW),)
    )


def hop(task: TaskRow) -> Hop:
    return Hop(
        task.run, task.instance, task.attempt, task.event_id, task.tool, task.major,
        task.input_digest, None, {"x": 1},
    )  # fmt: skip


def after(task: TaskRow, *rows: TaskRow, rev: int = 1, **others: object) -> Transition:
    base = Transition(
        task.run, task.scope, rev, '{"s":1}', NOW, task.instance, task.token, rows,
        entries=(Entry("task.completed", NOW, task.reference, task.instance),),
    )  # fmt: skip
    return replace(base, **others)  # type: ignore[arg-type]


async def claimed(ledger: Ledger, task: TaskRow) -> TaskRow:
    claim = await ledger.claim(hop(task), now=NOW, lease=10, cold=False)
    assert claim.verdict is Verdict.CLAIM
    assert claim.work
    return claim.work.task


async def recorded(ledger: Ledger, task: TaskRow) -> TaskRow:
    taken = await claimed(ledger, task)
    assert await ledger.record(taken, '{"output":1}', NOW + 10)
    return replace(taken, state=TaskState.RECORDED, outcome='{"output":1}')


async def test_a_version_is_immutable(ledger: Ledger) -> None:
    """Deploying a version again is `same`, with other content `conflict`."""
    assert await ledger.deploy(flow(), []) == "created"
    assert await ledger.deploy(flow(), []) == "same"
    assert await ledger.deploy(flow(digest="sha256:b"), []) == "conflict"


async def test_the_newest_version_has_the_door(ledger: Ledger) -> None:
    """Events start the highest semantic version, in whatever order versions were deployed."""
    for version in ("1.9.0", "1.10.0", "1.2.0"):
        name = f"sha256:{version}"
        door = DoorRow(name, "shop", "order", "order.placed", {"with": {"type": "order.placed"}})
        await ledger.deploy(flow(version, name), [door])
    assert [door.digest for door in await ledger.doors("order.placed")] == ["sha256:1.10.0"]
    assert await ledger.doors("order.lost") == []
    newest = await ledger.flow_named("shop", "order", None)
    assert newest
    assert newest.version == "1.10.0"


async def test_a_repeated_start_is_the_same_run(ledger: Ledger) -> None:
    """Opening a run twice keeps the first one's tasks and history as they are."""
    await ledger.open(run(), first(row()))
    again, created = await ledger.open(
        replace(run(), input='"other"'), first(row(instance="/do/9/z#1"))
    )
    assert (again.input, created) == ("{}", False)
    assert [task.instance for task in await ledger.tasks("r1")] == ["/do/0/a#1"]
    assert [entry.kind for _, entry in await ledger.history("r1", 0)] == ["run.started"]


async def test_only_one_host_claims(ledger: Ledger) -> None:
    """Of many deliveries of one event at once, exactly one takes the lease."""
    await ledger.open(run(), first(row()))
    claims = await asyncio.gather(
        *(ledger.claim(hop(row()), now=NOW, lease=10, cold=False) for _ in range(20))
    )
    assert sorted(claim.verdict.name for claim in claims) == ["CLAIM"] + ["NOTHING"] * 19


@pytest.mark.parametrize(
    "change",
    [{"instance": "/do/7/b#1"}, {"attempt": 2}, {"tool": "other"}, {"major": 2},
     {"input_digest": "0" * 64}, {"run": "r2"}],
)  # fmt: skip
async def test_a_forged_hop_claims_nothing(ledger: Ledger, change: dict[str, object]) -> None:
    """An event that does not match its row in every part is FORGED and changes nothing."""
    await ledger.open(run(), first(row()))
    forged = replace(hop(row()), **change)  # type: ignore[arg-type]
    claim = await ledger.claim(forged, now=NOW, lease=10, cold=False)
    assert claim.verdict is Verdict.FORGED
    [task] = await ledger.tasks("r1")
    assert task.state is TaskState.REQUESTED


async def test_a_claim_lives_as_long_as_its_lease(ledger: Ledger) -> None:
    """After the lease ran out another host takes over, and the first one's token is void."""
    await ledger.open(run(), first(row()))
    late = await claimed(ledger, row())
    again = await ledger.claim(hop(row()), now=NOW + 11, lease=10, cold=False)
    assert again.verdict is Verdict.CLAIM
    assert not await ledger.record(late, '{"output":"late"}', NOW + 20)
    assert not await ledger.heartbeat(late, NOW + 30)
    assert not await ledger.park(late, NOW, Entry("task.retrying", NOW))


async def test_a_transition_closes_and_opens_at_once(ledger: Ledger) -> None:
    """One compare-and-set closes the row, opens the next ones and numbers the history."""
    await ledger.open(run(), first(row()))
    done = await recorded(ledger, row())
    following = row(instance="/do/1/b#1", cause=done.event_id)
    assert await ledger.transit(after(done, following))
    assert await ledger.scope("r1", "") == ('{"s":1}', 2)
    assert [work.task.instance for work in await ledger.requests_after("r1", done.event_id)] == [
        "/do/1/b#1"
    ]
    history = await ledger.history("r1", 0)
    assert [seq for seq, _ in history] == list(range(1, len(history) + 1))


async def test_a_transition_happens_once(ledger: Ledger) -> None:
    """The same transition again, or one from an old revision, changes nothing."""
    await ledger.open(run(), first(row()))
    done = await recorded(ledger, row())
    results = await asyncio.gather(*(ledger.transit(after(done)) for _ in range(10)))
    assert sorted(results) == [False] * 9 + [True]
    assert await ledger.scope("r1", "") == ('{"s":1}', 2)


async def test_a_closed_row_asks_to_emit_again(ledger: Ledger) -> None:
    """A delivery after the close answers AGAIN, so a lost reply is emitted once more."""
    await ledger.open(run(), first(row()))
    done = await recorded(ledger, row())
    await ledger.transit(after(done))
    claim = await ledger.claim(hop(row()), now=NOW, lease=10, cold=False)
    assert claim.verdict is Verdict.AGAIN


async def test_ended_runs_are_told_apart(ledger: Ledger) -> None:
    """Of many runs, `ended` returns exactly those that came to an end."""
    for name in ("r1", "r2", "r3"):
        await ledger.open(run(name), first(row(name), run_id=name))
    await ledger.cancel("r2", NOW)
    assert await ledger.ended(["r1", "r2", "r3", "r4"]) == ["r2"]


async def test_cancel_closes_everything(ledger: Ledger) -> None:
    """After a cancel no claim, record or transition of the run succeeds."""
    await ledger.open(run(), first(row(), row(instance="/do/1/b#1")))
    done = await recorded(ledger, row())
    cancelled = await ledger.cancel("r1", NOW + 1)
    assert cancelled
    assert cancelled.status is RunStatus.CANCELLED
    assert not await ledger.transit(after(done))
    other = await ledger.claim(hop(row(instance="/do/1/b#1")), now=NOW, lease=10, cold=False)
    assert other.verdict is not Verdict.CLAIM
    assert await ledger.overdue(NOW + 1_000, 10) == []


def broken(task: TaskRow) -> Letter:
    """Return the letter of a task that faulted."""
    return Letter(
        "l1", LetterStatus.OPEN, "broke", 500, NOW, "", {"id": "e"}, "r1", task.instance, "echo",
        "shop/order:1.0.0",
    )  # fmt: skip


def timer(instance: str = "/do/1/w#1", **others: object) -> TaskRow:
    """Return a row that waits for a time."""
    base = replace(row(), instance=instance, tool="", major=0, event_id=f"timer-{instance}")
    return replace(base, state=TaskState.WAITING, due_at=NOW + 60, **others)  # type: ignore[arg-type]


async def test_a_timer_comes_due_and_is_settled_once(ledger: Ledger) -> None:
    """A timer is overdue from its time on; the transition that it leads to closes it, once."""
    await ledger.open(run(), first(row()))
    task = await recorded(ledger, row())
    assert await ledger.transit(after(task, timers=(timer(),)))
    assert await ledger.overdue(NOW + 59, 10) == []
    [due] = await ledger.overdue(NOW + 60, 10)
    assert due.task == timer()
    step = after(due.task, row(instance="/do/2/b#1", cause=due.task.event_id), rev=2)
    assert await ledger.transit(step)
    assert not await ledger.transit(step)
    due_later = [each.task.instance for each in await ledger.overdue(NOW + 61, 10)]
    assert due_later == ["/do/2/b#1"]
    assert [each.instance for each in await ledger.tasks("r1", closed=False)] == ["/do/2/b#1"]
    assert len(await ledger.tasks("r1")) == 3
    [opened] = await ledger.requests_after("r1", due.task.event_id)
    assert opened.task.instance == "/do/2/b#1"


async def test_a_transition_closes_what_nothing_waits_for(ledger: Ledger) -> None:
    """What a transition also closes is never due, and who holds it is shut out."""
    await ledger.open(run(), replace(first(row()), timers=(timer("~timeout"),)))
    task = await claimed(ledger, row())
    _, due = await ledger.overdue(NOW + 60, 2)
    assert await ledger.transit(after(due.task, also_closes=(task.instance, "/do/9/gone#1")))
    assert not await ledger.record(task, '{"output":"late"}', NOW + 20)
    assert not await ledger.heartbeat(task, NOW + 99)
    assert await ledger.overdue(NOW + 999, 10) == []


async def test_a_redrive_gives_timers_the_time_back(ledger: Ledger) -> None:
    """The time between a fault and its redrive counts for no timer."""
    await ledger.open(run(), replace(first(row()), timers=(timer("~timeout"),)))
    task = await recorded(ledger, row())
    letter = broken(task)
    fault = after(task, ended=RunStatus.FAULTED, error={"title": "x"}, letter=letter)
    assert await ledger.transit(replace(fault, also_closes=("~timeout",)))
    assert await ledger.overdue(NOW + 999, 10) == []
    assert await ledger.redrive(letter, NOW + 1000, None)
    [left] = [each for each in await ledger.tasks("r1") if each.instance == "~timeout"]
    assert left.due_at == NOW + 1060


async def test_a_suspended_run_stands_still_until_it_is_resumed(ledger: Ledger) -> None:
    """Nothing of it is claimed, due or transited; then all it has out is due, timers later."""
    await ledger.open(
        run(), replace(first(row(), row(instance="/do/1/b#1")), timers=(timer("~timeout"),))
    )
    busy = await claimed(ledger, row())
    suspended = await ledger.suspend("r1", NOW + 10)
    assert suspended
    assert suspended.status is RunStatus.SUSPENDED
    claim = await ledger.claim(hop(row(instance="/do/1/b#1")), now=NOW, lease=10, cold=False)
    assert claim.verdict is Verdict.NOTHING
    assert not await ledger.transit(after(busy, outcome='{"output":1}'))
    assert await ledger.record(busy, '{"output":1}', NOW + 20)
    assert await ledger.overdue(NOW + 9999, 10) == []
    resumed = await ledger.resume("r1", NOW + 110)
    assert resumed
    assert resumed.status is RunStatus.RUNNING
    due = {work.task.instance for work in await ledger.overdue(NOW + 110, 10)}
    assert due == {"/do/0/a#1", "/do/1/b#1"}
    assert {work.task.instance for work in await ledger.overdue(NOW + 160, 10)} > due
    kinds = [entry.kind for _, entry in await ledger.history("r1", 0)]
    assert kinds == ["run.started", "task.claimed", "run.suspended", "run.resumed"]


async def test_only_a_running_run_is_suspended(ledger: Ledger) -> None:
    """Suspending or resuming in any other state changes nothing; an unknown run is None."""
    await ledger.open(run(), first(row()))
    for change in (ledger.resume, ledger.cancel, ledger.suspend, ledger.resume):
        now = await change("r1", NOW)
        assert now
        expected = (
            RunStatus.RUNNING if change == ledger.resume and not now.ended_at else "cancelled"
        )
        assert now.status == expected
    assert await ledger.suspend("r2", NOW) is None
    assert await ledger.resume("r2", NOW) is None


def branch(index: int, output: str | None = None) -> ScopeRow:
    """Return a branch of the fork `/do/1/f#1` in the run's own scope."""
    return ScopeRow(f"/do/1/f#1/{index}", "", "/do/1/f#1", f'{{"b":{index}}}', output)


def within(index: int) -> TaskRow:
    """Return the one task of a branch."""
    return replace(row(instance=f"/do/1/f/{index}#1@/do/1/f#1/{index}"), scope=branch(index).scope)


def over(*, output: str | None = None, outright: bool = False, outcome: str = "") -> Join:
    """Return how a branch ends."""
    fork = replace(row(instance="/do/1/f#1"), tool="", state=TaskState.RECORDED, outcome=outcome)
    return Join(fork, outright, output)


async def forked(
    ledger: Ledger, *scopes: ScopeRow, compete: bool = False, begun: int | None = None
) -> list[TaskRow]:
    """Open a run that forks, and claim the tasks of the branches that have begun and go on."""
    begun = len(scopes) if begun is None else begun
    fork = ForkRow("/do/1/f#1", "", compete, begun, '{"shared":1}')
    tasks = [within(i) for i, each in enumerate(scopes[:begun]) if each.output is None]
    await ledger.open(run(), replace(first(*tasks), scopes=scopes, forks=(fork,)))
    return [await claimed(ledger, task) for task in tasks]


async def test_a_fork_is_over_with_its_last_branch(ledger: Ledger) -> None:
    """Each end counts once, in its own scope; the last opens the fork's row with all outputs."""
    a, c = await forked(ledger, branch(0), branch(1, '"at once"'), branch(2))
    for task, output in ((c, '"c"'), (a, '"a"')):
        assert await ledger.task("r1", "/do/1/f#1") is None
        step = after(task, join=over(output=output), outcome="{}")
        assert await ledger.transit(step)
        assert not await ledger.transit(step)
    fork = await ledger.task("r1", "/do/1/f#1")
    assert fork
    assert (fork.task.state, fork.task.outcome) == (TaskState.RECORDED, "")
    assert await ledger.outputs("r1", "/do/1/f#1") == ['"a"', '"at once"', '"c"']
    done = after(fork.task, shuts=(("/do/1/f#1", "/do/1/f#1/"),))
    assert await ledger.transit(done)
    assert await ledger.scope("r1", branch(0).scope) == ("", 0)


async def test_racing_ends_join_once(ledger: Ledger) -> None:
    """Branches that end at the same moment open the fork's row exactly once."""
    tasks = await forked(ledger, *(branch(i) for i in range(20)))
    steps = [after(task, join=over(output=f"{i}"), outcome="{}") for i, task in enumerate(tasks)]
    assert all(await asyncio.gather(*(ledger.transit(step) for step in steps)))
    assert await ledger.outputs("r1", "/do/1/f#1") == [str(i) for i in range(20)]
    fork = await ledger.task("r1", "/do/1/f#1")
    assert fork
    assert fork.task.state is TaskState.RECORDED


async def test_one_competitor_wins(ledger: Ledger) -> None:
    """The first end settles it; a later one changes nothing, and shutting closes what is left."""
    a, b, c = await forked(ledger, *map(branch, range(3)), compete=True)
    for task, outcome in ((b, '{"output":"b"}'), (a, '{"output":"a"}')):
        join = over(output='"x"', outright=True, outcome=outcome)
        assert await ledger.transit(after(task, join=join, outcome="{}"))
    fork = await ledger.task("r1", "/do/1/f#1")
    assert fork
    assert fork.task.outcome == '{"output":"b"}'
    assert await ledger.transit(after(fork.task, shuts=(("/do/1/f#1", "/do/1/f#1/"),)))
    assert not await ledger.record(c, "{}", NOW + 9)
    assert await ledger.tasks("r1", closed=False) == []


async def test_a_second_fault_is_kept_for_the_redrive(ledger: Ledger) -> None:
    """A branch that faults when its fork is over stays recorded, and counts after a redrive."""
    a, b = await forked(ledger, branch(0), branch(1))
    for task in (a, b):
        join = over(outright=True, outcome='{"problem":{}}')
        assert await ledger.transit(after(task, join=join, outcome='{"problem":{}}'))
    fork = await ledger.task("r1", "/do/1/f#1")
    kept = await ledger.task("r1", b.instance)
    assert fork
    assert kept
    assert kept.task.state is TaskState.RECORDED
    history = [entry for _, entry in await ledger.history("r1", 0)]
    ends = [entry.instance for entry in history if entry.kind == "task.completed"]
    assert ends == [a.instance], "a fault that counts for nothing is no history"
    letter = broken(a)
    fault = after(fork.task, ended=RunStatus.FAULTED, error={"title": "x"}, letter=letter)
    assert await ledger.transit(fault)
    work = await ledger.redrive(letter, NOW, None)
    assert work
    assert await ledger.scope("r1", branch(0).scope) == ('{"b":0}', 1)
    due = {each.task.instance for each in await ledger.overdue(kept.task.due_at, 10)}
    assert due == {a.instance, b.instance}


async def test_a_timer_that_led_to_a_second_fault_is_due_after_the_redrive(ledger: Ledger) -> None:
    """It has no outcome that could be told again: it fires again, once the run goes on."""
    pause = replace(within(1), tool="", state=TaskState.WAITING)
    fork = ForkRow("/do/1/f#1", "", compete=False, begun=2, shared='{"shared":1}')
    opening = replace(first(within(0)), scopes=(branch(0), branch(1)), forks=(fork,))
    await ledger.open(run(), replace(opening, timers=(pause,)))
    task = await claimed(ledger, within(0))
    fault = over(outright=True, outcome='{"problem":{}}')
    assert await ledger.transit(after(task, join=fault, outcome='{"problem":{}}'))
    assert await ledger.transit(after(pause, join=fault))
    told = await ledger.task("r1", "/do/1/f#1")
    assert told
    letter = broken(task)
    end = after(told.task, ended=RunStatus.FAULTED, error={"title": "x"}, letter=letter)
    assert await ledger.transit(end)
    assert await ledger.redrive(letter, NOW, None)
    kept = await ledger.task("r1", pause.instance)
    assert kept
    assert kept.task.state is TaskState.WAITING
    due = {each.task.instance for each in await ledger.overdue(NOW + 60, 10)}
    assert due == {task.instance, pause.instance}


async def test_a_branch_that_faulted_stands_still_until_the_redrive(ledger: Ledger) -> None:
    """Until its fork goes on, nothing else that comes can have it go on in its own way."""
    timer = replace(within(0), instance="/do/1/f/0~timeout@/do/1/f#1/0", tool="")
    timer = replace(timer, state=TaskState.WAITING)
    fork = ForkRow("/do/1/f#1", "", compete=False, begun=2, shared='{"shared":1}')
    opening = replace(first(within(0)), scopes=(branch(0), branch(1)), forks=(fork,))
    await ledger.open(run(), replace(opening, timers=(timer,)))
    task = await claimed(ledger, within(0))
    fault = over(outright=True, outcome='{"problem":{}}')
    assert await ledger.transit(after(task, join=fault, outcome='{"problem":{}}'))
    assert await ledger.scope("r1", branch(0).scope) == ("", 0)
    assert not await ledger.transit(after(timer))
    told = await ledger.task("r1", "/do/1/f#1")
    assert told
    assert [each.task for each in await ledger.overdue(NOW + 1e6, 10)] == [told.task]
    assert await ledger.scope("r1", branch(1).scope) == (branch(1).state, 1)
    letter = broken(task)
    end = after(told.task, ended=RunStatus.FAULTED, error={"title": "x"}, letter=letter)
    assert await ledger.transit(end)
    assert await ledger.redrive(letter, NOW, None)
    assert await ledger.scope("r1", branch(0).scope) == (branch(0).state, 1)
    assert await ledger.transit(after(timer))


def turn(index: int) -> TaskRow:
    """Return the row by which a branch begins that lay dormant."""
    return turn_of(over().row, branch(index).scope)


def ending(output: str | None, *, outright: bool = False, outcome: str = "") -> Join:
    """Return the end of a branch that others wait for."""
    return replace(over(output=output, outright=outright, outcome=outcome), turn=over().row)


async def test_the_end_of_a_branch_is_the_next_ones_turn(ledger: Ledger) -> None:
    """Branches that wait begin in their order, each once, and the fork is over after the last."""
    tasks = await forked(ledger, *map(branch, range(4)), begun=2)
    assert await ledger.shared("r1", "/do/1/f#1") == '{"shared":1}'
    ends = [
        (tasks[1], [turn(2)]),
        (turn(2), [turn(3)]),
        (tasks[0], [turn(3)]),  # still, and no other
        (turn(3), [over().row]),
    ]
    for task, following in ends:
        number = int(task.scope.rsplit("/", 1)[-1])
        step = after(task, join=ending(f'"{number}"'), outcome="{}" if task.tool else None)
        assert await ledger.transit(step)
        assert not await ledger.transit(step)
        found = await ledger.recorded_after("r1", over().row.cause)
        assert [work.task for work in found] == following
    assert await ledger.outputs("r1", "/do/1/f#1") == [f'"{i}"' for i in range(4)]


async def test_racing_ends_take_turns(ledger: Ledger) -> None:
    """Branches that end at the same moment let as many others begin, no two the same."""
    tasks = await forked(ledger, *map(branch, range(30)), begun=12)
    steps = [after(each, join=ending("1"), outcome="{}") for each in tasks]
    assert all(await asyncio.gather(*map(ledger.transit, steps)))
    out = await ledger.tasks("r1", closed=False)
    assert {each.instance for each in out} == {turn(i).instance for i in range(12, 24)}


async def test_a_fault_is_nobodys_turn(ledger: Ledger) -> None:
    """What has ended all the same still lets the next one begin, for the redrive."""
    a, b = await forked(ledger, *map(branch, range(4)), begun=2)
    fault = ending(None, outright=True, outcome='{"problem":{}}')
    assert await ledger.transit(after(a, join=fault, outcome='{"problem":{}}'))
    assert await ledger.task("r1", turn(2).instance) is None
    assert await ledger.transit(after(b, join=ending('"b"'), outcome="{}"))
    assert await ledger.task("r1", turn(2).instance)
    fork = await ledger.task("r1", "/do/1/f#1")
    assert fork
    letter = broken(a)
    ended = after(fork.task, ended=RunStatus.FAULTED, error={"title": "x"}, letter=letter)
    assert await ledger.transit(ended)
    assert await ledger.redrive(letter, NOW, None)
    again = await claimed(ledger, replace(a, attempt=2, event_id=hop_id("r1", a.instance, 2)))
    assert await ledger.transit(after(again, join=ending('"a"'), outcome="{}"))
    assert await ledger.task("r1", turn(3).instance)


async def test_the_fault_of_a_branch_shuts_nothing(ledger: Ledger) -> None:
    """The scopes of a fork within it stay for the redrive, which may be about one of them."""
    outer = ForkRow("/do/1/f#1", "", compete=False, begun=1, shared="{}")
    inner = ForkRow("/x#1@/do/1/f#1/0", branch(0).scope, compete=False, begun=1, shared="{}")
    deep = ScopeRow(f"{branch(0).scope}|/x#1/0", branch(0).scope, inner.fork, '{"d":1}', None)
    opening = replace(first(within(0)), scopes=(branch(0), deep), forks=(outer, inner))
    await ledger.open(run(), opening)
    join = over(outright=True, outcome='{"problem":{}}')
    shuts = ((inner.fork, f"{branch(0).scope}|/x#1/"),)
    told = await claimed(ledger, within(0))
    assert await ledger.transit(after(told, join=join, shuts=shuts, outcome='{"problem":{}}'))
    assert await ledger.scope("r1", deep.scope) == ('{"d":1}', 1)


async def test_silence_comes_due(ledger: Ledger) -> None:
    """Unclaimed requests, expired claims and recorded outcomes are overdue after their time."""
    await ledger.open(run(), first(row()))
    assert await ledger.overdue(NOW, 10) == []
    [unclaimed] = await ledger.overdue(NOW + 6, 10)
    woken = await ledger.wake(unclaimed, now=NOW + 6, grace=5)
    assert woken
    assert woken.task.event_id == row().event_id
    assert woken.task.emissions == 1
    assert await ledger.wake(unclaimed, now=NOW + 6, grace=5) is None
    await claimed(ledger, row())
    [expired] = await ledger.overdue(NOW + 11, 10)
    assert expired.task.state is TaskState.CLAIMED


async def test_a_run_of_another_machine_is_in_nobodys_way(ledger: Ledger) -> None:
    """Hosts of another version see what is to be asked again, never what is to be advanced."""
    await ledger.open(run(), first(row(), row(instance="/do/1/b#1")))
    await recorded(ledger, row())
    mine = {work.task.instance for work in await ledger.overdue(NOW + 999, 10, run().machine)}
    theirs = [work.task.instance for work in await ledger.overdue(NOW + 999, 1, 99)]
    assert (mine, theirs) == ({row().instance, "/do/1/b#1"}, ["/do/1/b#1"])


async def test_a_parked_task_gets_a_new_attempt(ledger: Ledger) -> None:
    """A retry keeps the instance and gets attempt 2 with an event id of its own."""
    await ledger.open(run(), first(row()))
    taken = await claimed(ledger, row())
    assert await ledger.park(taken, NOW + 30, Entry("task.retrying", NOW))
    assert await ledger.overdue(NOW + 29, 10) == []
    [due] = await ledger.overdue(NOW + 30, 10)
    woken = await ledger.wake(due, now=NOW + 30, grace=5)
    assert woken
    assert woken.task.attempt == 2
    assert woken.task.event_id == hop_id("r1", "/do/0/a#1", 2)
    old = await ledger.claim(hop(row()), now=NOW + 30, lease=10, cold=False)
    assert old.verdict is Verdict.NOTHING


async def test_an_uncaught_fault_can_be_redriven_once(ledger: Ledger) -> None:
    """Redrive reopens the faulted run at its task, with edited input, exactly once."""
    await ledger.open(run(), first(row()))
    done = await recorded(ledger, row())
    letter = broken(done)
    fault = after(done, ended=RunStatus.FAULTED, error={"type": "x", "status": 500}, letter=letter)
    assert await ledger.transit(fault)
    faulted = await ledger.run("r1")
    assert faulted
    assert faulted.status is RunStatus.FAULTED
    assert await ledger.scope("r1", "") == ('{"s":0}', 1)
    edited = ('{"x":2}', digest({"x": 2}))
    results = await asyncio.gather(*(ledger.redrive(letter, NOW, edited) for _ in range(5)))
    [work] = [work for work in results if work]
    assert (work.run.status, work.task.attempt, work.task.edition) == (RunStatus.RUNNING, 2, 1)
    assert work.task.input == '{"x":2}'
    stored = await ledger.letter("l1")
    assert stored
    assert stored.status is LetterStatus.REDRIVEN


async def test_letters_are_found_by_what_they_say(ledger: Ledger) -> None:
    """Filters by status, flow, tool and a part of the reason narrow the list."""
    for number, (tool, reason) in enumerate([("llm", "timeout"), ("http", "HTTP 404")]):
        await ledger.add_letter(
            Letter(
                f"l{number}", LetterStatus.OPEN, reason, 500, NOW + number, "", {}, None, None,
                tool, f"shop/f{number}:1.0.0",
            )
        )  # fmt: skip
    assert [x.id for x in await ledger.letters()] == ["l1", "l0"]
    assert [x.id for x in await ledger.letters(tool="llm")] == ["l0"]
    assert [x.id for x in await ledger.letters(reason="404")] == ["l1"]
    assert [x.id for x in await ledger.letters(flow="shop/f1")] == ["l1"]
    assert await ledger.letters(status=LetterStatus.CAUGHT) == []


async def test_the_outbox_keeps_events_until_they_are_sent(ledger: Ledger) -> None:
    """What a transition posts stays until `sent` names it."""
    posted = replace(first(), outbox=(Outgoing("o1", "{}"), Outgoing("o2", "{}")))
    await ledger.open(run(), posted)
    assert [item.id for item in await ledger.outbox("r1", NOW, 10)] == ["o1", "o2"]
    await ledger.sent(["o1"])
    assert [item.id for item in await ledger.outbox(None, NOW, 10)] == ["o2"]


async def test_unmatched_events_are_pruned(ledger: Ledger) -> None:
    """Only the newest of the unmatched events are kept."""
    for number in range(5):
        await ledger.add_unmatched(f"e{number}", f'{{"n":{number}}}', NOW + number, keep=3)
    assert await ledger.unmatched(10) == ['{"n":4}', '{"n":3}', '{"n":2}']
