"""Runs that runs started, over every ledger: who is told what, whoever dies or acts at once."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from pydantic import SecretStr

from events.errors import ErrorType, Problem
from events.flow.listening import shapes_of
from events.flow.parse import parse
from events.vocabulary import read_hop
from functions.flow.clock import Clock
from functions.flow.redrive import redrive
from functions.flow.renewal import renew
from functions.flow.starting import start
from functions.host.assembly import Platform, opened
from functions.host.faults import Refused
from functions.host.hop_events import hop_event
from functions.host.ledger.rows.flow import FlowRow
from functions.host.ledger.rows.letter import LetterStatus
from functions.host.ledger.rows.run import RunRow, RunStatus
from functions.host.ledger.rows.task import TaskState, Work
from functions.host.outcomes import Outcome
from functions.host.settings import Settings
from tests.support.local_platform import until
from tests.support.serving import answering

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from pathlib import Path

    from functions.host.ledger.rows.letter import Letter

PING = "{call: ping, with: {n: 1}}"
BROKEN = Outcome(problem=Problem(ErrorType.COMMUNICATION, 502, "Broken", "as it says"))


def flow(name: str, *tasks: str, more: str = "", version: str = "1.0.0") -> str:
    """Return a flow's YAML; its tasks are called t0, t1, ..."""
    head = f"document: {{dsl: '1.0.3', namespace: sub, name: {name}, version: {version}}}\n"
    return head + more + "do:\n" + "".join(f"  - t{i}: {task}\n" for i, task in enumerate(tasks))


def run_of(name: str, more: str = "", *, awaited: bool = True) -> str:
    """Return a task that runs another flow."""
    workflow = f"{{namespace: sub, name: {name}, version: latest}}"
    return f"{{run: {{workflow: {workflow}, await: {str(awaited).lower()}}}{more}}}"


@dataclass
class House:
    """A host's parts on a ledger, and what is done with them."""

    platform: Platform

    async def deploy(self, *texts: str) -> None:
        """Store flows as deployment does, unchecked."""
        for text in texts:
            parsed = parse(text)
            document = parsed.flow.document
            row = FlowRow(
                parsed.digest, "sub", document.name, document.version, "", parsed.definition, text,
                {"ping": "1.0.0"}, 0.0,
            )  # fmt: skip
            await self.platform.ledger.deploy(row, [], (), shapes_of(parsed.flow))

    async def start(self, name: str, key: str = "k") -> str:
        """Start a run and return its id."""
        row = await self.platform.ledger.flow_named("sub", name, None)
        assert row
        run, _ = await start(
            self.platform, row, {"n": 1}, door="api", source="/", key=key, trace=""
        )
        return run.id

    def die(self) -> None:
        """Leave undone what this host was about to do."""
        self.platform.settler.close()

    async def sweep(self, seconds: float = 60) -> None:
        """Let another host's clock find what is overdue in so many seconds."""
        later = replace(self.platform, clock=lambda: time.time() + seconds)
        await Clock(later).tick()

    async def run(self, run_id: str) -> RunRow:
        row = await self.platform.ledger.run(run_id)
        assert row
        return row

    async def children(self, run_id: str) -> list[RunRow]:
        return await self.platform.ledger.children(run_id)

    async def below(self, run_id: str, depth: int) -> list[RunRow]:
        """Return the chain of runs from this one down, once it is so long."""
        found: list[RunRow] = []

        async def there() -> bool:
            found[:] = [await self.run(run_id)]
            while children := await self.children(found[-1].id):
                found.append(children[-1])
            return len(found) > depth

        await until(there, 10, f"{depth} runs are below run {run_id}")
        return found

    async def another(self, run_id: str, child: str) -> RunRow:
        """Return the other one of a run's two children, once it has two."""
        found: list[RunRow] = []

        async def there() -> bool:
            found[:] = [each for each in await self.children(run_id) if each.id != child]
            return bool(found)

        await until(there, 10, f"run {run_id} has another child than {child}")
        return found[0]

    async def out(self, run_id: str, tool: str = "ping") -> Work:
        """Return the one task of a tool that a run has out, once it has."""
        found: list[Work] = []

        async def there() -> bool:
            tasks = await self.platform.ledger.tasks(run_id, closed=False)
            run = await self.run(run_id)
            found[:] = [Work(task, run) for task in tasks if task.tool == tool]
            return bool(found)

        await until(there, 10, f"run {run_id} has a task of {tool} out")
        return found[0]

    async def answer(self, run_id: str, outcome: Outcome) -> None:
        """Do a run's task as its tool would."""
        hop = read_hop(await hop_event((await self.out(run_id)), self.platform.blobs))
        claim = await self.platform.ledger.claim(hop, now=time.time(), lease=10, cold=False)
        assert claim.work, claim
        await self.platform.settler.finish(claim.work, outcome, claim.scope)

    async def ends(self, run_ids: Iterable[str], status: RunStatus) -> None:
        """Wait until all of these runs have a status."""
        ids = list(run_ids)

        async def there() -> bool:
            return {(await self.run(each)).status for each in ids} == {status}

        await until(there, 10, f"runs {ids} are {status}")

    async def output(self, run_id: str) -> Any:
        row = await self.run(run_id)
        assert row.output, row
        return await self.platform.blobs.unpack(row.output)

    async def letters(self) -> list[Letter]:
        return await self.platform.ledger.letters()

    async def kinds(self, run_id: str) -> list[str]:
        return [entry.kind for _, entry in await self.platform.ledger.history(run_id, 0)]


@pytest.fixture
async def broker() -> AsyncIterator[str]:
    """A broker's door that says 202 to everything."""

    async def take(_: web.Request) -> web.Response:
        return web.Response(status=202)

    async with answering(take) as url:
        yield f"{url}/"


@pytest.fixture
async def house(tmp_path: Path, ledger_url: str, broker: str) -> AsyncIterator[House]:
    """One host."""
    settings = Settings(data=tmp_path, ledger=SecretStr(ledger_url), K_SINK=broker)
    async with opened(settings) as platform:
        yield House(platform)


async def test_whoever_dies_before_the_child_is_started_leaves_it_to_the_clock(
    house: House,
) -> None:
    """The row that asks for the child is overdue, and any host starts the same run, once."""
    await house.deploy(flow("leaf", PING), flow("top", run_of("leaf")))
    top = await house.start("top")
    house.die()
    work = await house.out(top, "workflow")
    assert (work.task.state, await house.children(top)) == (TaskState.STARTING, [])
    await house.sweep(0)
    assert await house.children(top) == []
    await asyncio.gather(house.sweep(), house.sweep(), house.platform.settler.begin(work))
    [child] = await house.children(top)
    assert (child.parent, child.caller, child.awaited, child.depth) == (
        top,
        "/do/0/t0#1",
        True,
        1,
    )
    assert (await house.out(top, "workflow")).task.state is TaskState.AWAITING
    assert (await house.kinds(top)).count("child.started") == 1


async def test_whoever_dies_after_the_child_ended_leaves_it_to_the_clock(house: House) -> None:
    """The end and the parent's row are one transaction; any host goes on in the parent."""
    await house.deploy(flow("leaf", PING), flow("top", run_of("leaf")))
    top = await house.start("top")
    _, child = await house.below(top, 1)
    await house.answer(child.id, Outcome(output={"n": 2}))
    house.die()
    assert (await house.run(child.id)).status is RunStatus.COMPLETED
    assert (await house.out(top, "workflow")).task.state is TaskState.RECORDED
    await house.sweep()
    assert await house.output(top) == {"n": 2}


async def test_a_fault_goes_up_and_is_redriven_from_below(house: House) -> None:
    """Three levels fault with one letter about the lowest task; redriving it resumes them all."""
    both = f"{{fork: {{branches: [{{a: {run_of('middle')}}}, {{b: {{wait: PT0S}}}}]}}}}"
    await house.deploy(
        flow("leaf", PING), flow("middle", run_of("leaf")), flow("top", both, "{set: {done: true}}")
    )
    top = await house.start("top")
    family = [row.id for row in await house.below(top, 2)]
    for _ in range(2):
        await house.answer(family[-1], BROKEN)
        await house.ends(family, RunStatus.FAULTED)
        error = (await house.run(top)).error
        assert error
        assert (error["detail"], error["instance"]) == (
            "as it says",
            "/do/0/t0/fork/branches/0/a",
        )
        [letter] = [each for each in await house.letters() if each.status is LetterStatus.OPEN]
        assert (letter.run, letter.instance, letter.tool) == (family[-1], "/do/0/t0#1", "ping")
        assert letter.flow == "sub/leaf:1.0.0"
        await redrive(house.platform, letter)
        assert {(await house.run(each)).status for each in family} == {RunStatus.RUNNING}
        with pytest.raises(Refused, match="redriven already"):
            await redrive(house.platform, replace(letter, status=LetterStatus.REDRIVEN))
    await house.answer(family[-1], Outcome(output={"n": 2}))
    await house.ends(family, RunStatus.COMPLETED)
    assert await house.output(top) == {"done": True}


async def test_a_fault_that_is_caught_is_not_redriven(house: House) -> None:
    """The child stays faulted, its letter says that it was caught, and redriving is a 409."""
    caught = f"{{try: [{{a: {run_of('middle')}}}], catch: {{do: [{{s: {{set: {{ok: 1}}}}}}]}}}}"
    await house.deploy(flow("leaf", PING), flow("middle", run_of("leaf")), flow("top", caught))
    top = await house.start("top")
    family = [row.id for row in await house.below(top, 2)]
    await house.answer(family[-1], BROKEN)
    await house.ends([top], RunStatus.COMPLETED)
    assert await house.output(top) == {"ok": 1}
    await house.ends(family[1:], RunStatus.FAULTED)
    [letter] = await house.letters()
    assert (letter.status, letter.run) == (LetterStatus.CAUGHT, family[-1])
    with pytest.raises(Refused, match="handled by the flow's catch"):
        await redrive(house.platform, letter)


async def test_what_a_caught_child_has_left_is_cancelled(house: House) -> None:
    """A faulted child may have runs of its own going on; nobody waits for them after the catch."""
    fork = f"{{fork: {{branches: [{{a: {PING}}}, {{b: {run_of('leaf')}}}]}}}}"
    caught = f"{{try: [{{a: {run_of('both')}}}], catch: {{do: [{{s: {{set: {{ok: 1}}}}}}]}}}}"
    await house.deploy(flow("leaf", PING), flow("both", fork), flow("top", caught))
    top = await house.start("top")
    _, child, leaf = await house.below(top, 2)
    await house.answer(child.id, BROKEN)
    await house.ends([top], RunStatus.COMPLETED)
    await house.ends([leaf.id], RunStatus.CANCELLED)
    assert (await house.run(child.id)).status is RunStatus.FAULTED


async def test_a_flow_that_is_not_there_is_the_tasks_fault(house: House) -> None:
    """Its letter is about the task; once the flow is deployed, redriving it starts the child."""
    await house.deploy(flow("top", run_of("leaf", awaited=False)))
    top = await house.start("top")
    await house.ends([top], RunStatus.FAULTED)
    error = (await house.run(top)).error
    assert error
    assert (error["type"], error["instance"]) == (ErrorType.CONFIGURATION, "/do/0/t0")
    assert "sub/leaf:latest" in error["detail"]
    [letter] = await house.letters()
    assert (letter.run, letter.tool) == (top, "workflow")
    await house.deploy(flow("leaf", PING))
    await redrive(house.platform, letter)
    await house.ends([top], RunStatus.COMPLETED)
    assert await house.output(top) == {"n": 1}
    [child] = await house.children(top)
    assert (child.status, child.awaited) == (RunStatus.RUNNING, False)


async def test_a_child_that_is_not_awaited_goes_on_alone(house: House) -> None:
    """Neither its fault nor the parent's end reaches the other; its letter resumes it alone."""
    await house.deploy(
        flow("leaf", PING), flow("top", run_of("leaf", awaited=False), "{wait: PT1H}")
    )
    top = await house.start("top")
    _, child = await house.below(top, 1)
    await house.out(top, "")
    await house.answer(child.id, BROKEN)
    await house.ends([child.id], RunStatus.FAULTED)
    [letter] = await house.letters()
    await redrive(house.platform, letter)
    await house.platform.ledger.cancel(top, time.time())
    await house.answer(child.id, Outcome(output=1))
    await house.ends([child.id], RunStatus.COMPLETED)
    assert (await house.run(top)).status is RunStatus.CANCELLED


async def test_a_parents_end_is_its_childrens(house: House) -> None:
    """Cancel, a timeout and a competing fork each cancel the runs that are awaited, all down."""
    slow = run_of("middle", more=", timeout: {after: PT30S}")
    late = f"{{try: [{{a: {slow}}}], catch: {{do: [{{s: {{set: {{late: 1}}}}}}]}}}}"
    race = f"{{fork: {{compete: true, branches: [{{a: {run_of('middle')}}}, {{b: {PING}}}]}}}}"
    await house.deploy(
        flow("leaf", PING),
        flow("middle", run_of("leaf")),
        flow("cancelled", run_of("middle")),
        flow("late", late),
        flow("race", race),
    )
    families = {}
    for name in ("cancelled", "late", "race"):
        top = await house.start(name)
        families[name] = [row.id for row in await house.below(top, 2)]
    await house.platform.ledger.cancel(families["cancelled"][0], time.time())
    await house.sweep(31)
    await house.answer(families["race"][0], Outcome(output={"n": 2}))
    for top, *below in families.values():
        await house.ends(below, RunStatus.CANCELLED)
        expected = {RunStatus.CANCELLED, RunStatus.COMPLETED}
        assert (await house.run(top)).status in expected
        assert await house.platform.ledger.tasks(top, closed=False) == []
    assert await house.output(families["late"][0]) == {"late": 1}
    assert await house.letters() == []


async def test_a_cancelled_child_is_its_parents_fault(house: House) -> None:
    """The parent may catch it; where it does not, redriving the task starts another run."""
    await house.deploy(flow("leaf", PING), flow("top", run_of("leaf")))
    top = await house.start("top")
    _, child = await house.below(top, 1)
    await house.platform.ledger.cancel(child.id, time.time())
    await house.sweep(0)
    await house.ends([top], RunStatus.FAULTED)
    [letter] = await house.letters()
    assert (letter.run, letter.reason.partition(":")[0]) == (top, "Run cancelled")
    await redrive(house.platform, letter)

    fresh = await house.another(top, child.id)
    await house.answer(fresh.id, Outcome(output=1))
    await house.ends([top], RunStatus.COMPLETED)


async def test_suspend_and_resume_reach_down(house: House) -> None:
    """Runs that are awaited stand still with their parent, and start nothing until it goes on."""
    await house.deploy(
        flow("leaf", PING),
        flow("middle", run_of("leaf"), run_of("leaf")),
        flow("top", run_of("middle")),
    )
    top = await house.start("top")
    family = [row.id for row in await house.below(top, 2)]
    await house.platform.ledger.suspend(top, time.time())
    await house.ends(family, RunStatus.SUSPENDED)
    await house.platform.ledger.resume(top, time.time())
    await house.ends(family, RunStatus.RUNNING)
    await house.answer(family[2], Outcome(output=1))
    await house.platform.ledger.suspend(family[1], time.time())
    house.die()
    await house.sweep()
    assert len(await house.children(family[1])) == 1
    await house.platform.ledger.resume(top, time.time())
    assert (await house.run(family[1])).status is RunStatus.RUNNING
    await house.sweep()
    last = await house.another(family[1], family[2])
    await house.answer(last.id, Outcome(output=2))
    await house.ends([*family, last.id], RunStatus.COMPLETED)


async def test_a_childs_timeout_is_redriven(house: House) -> None:
    """Time that ran out below is one letter; redriven it begins anew, and what was out still is."""
    await house.deploy(
        flow("leaf", PING, more="timeout: {after: PT1H}\n"), flow("top", run_of("leaf"))
    )
    top = await house.start("top")
    family = [row.id for row in await house.below(top, 1)]
    asked = await house.out(family[1])
    for _ in range(2):
        await house.sweep(3601)
        await house.ends(family, RunStatus.FAULTED)
        [letter] = [each for each in await house.letters() if each.status is LetterStatus.OPEN]
        assert (letter.run, letter.instance, letter.tool) == (family[1], "~timeout", None)
        await redrive(house.platform, letter)
        timer = await house.out(family[1], "")
        assert timer.task.state is TaskState.WAITING
        assert 3590 < timer.task.due_at - time.time() < 3601
    still = (await house.out(family[1])).task
    assert (still.attempt, still.instance) == (asked.task.attempt, asked.task.instance)
    await house.answer(family[1], Outcome(output=1))
    await house.ends(family, RunStatus.COMPLETED)


async def test_a_newer_version_goes_on_without_what_the_old_run_awaits(house: House) -> None:
    """Runs that ended are taken over, in iterations too; one that had not is another, and ends."""
    loop = (
        f"{{for: {{in: '[range(2)]'}}, metadata: {{tendril: {{concurrency: 2}}}}, "
        f"do: [{{r: {run_of('leaf')}}}]}}"
    )
    fork = f"{{fork: {{branches: [{{a: {PING}}}, {{b: {run_of('slow')}}}]}}}}"
    await house.deploy(
        flow("leaf", PING), flow("slow", "{wait: PT1H}", PING), flow("top", loop, fork)
    )
    old = await house.start("top")
    first = (await house.below(old, 1))[1].id
    second = (await house.another(old, first)).id
    for child in (first, second):
        await house.answer(child, Outcome(output={"n": 2}))
    await house.out(old)
    await until(partial(_has_children, house, old, 3), 10, "the slow one is started")
    await house.answer(old, BROKEN)
    await house.ends([old], RunStatus.FAULTED)
    [slow] = [each for each in await house.children(old) if each.name == "slow"]
    assert slow.status is RunStatus.RUNNING

    await house.deploy(flow("top", loop, fork, "{set: {more: 1}}", version="1.1.0"))
    [letter] = await house.letters()
    new = (await renew(house.platform, letter, "1.1.0")).id
    await until(partial(_has_children, house, new, 1), 10, "it has a slow one of its own")
    assert [each.name for each in await house.children(new)] == ["slow"]
    assert (await house.kinds(new)).count("task.taken") == 2
    assert (await house.run(slow.id)).status is RunStatus.CANCELLED
    assert (await house.run(first)).status is RunStatus.COMPLETED


async def test_a_newer_child_takes_the_place_of_the_old(house: House) -> None:
    """Who awaited the old run awaits the new one, at any depth, and has what it ends with."""
    leaf = flow("leaf", PING, PING)
    await house.deploy(leaf, flow("middle", run_of("leaf")), flow("top", run_of("middle"), PING))
    top = await house.start("top")
    _, middle, old = [each.id for each in await house.below(top, 2)]
    await house.answer(old, Outcome(output={"n": 2}))
    await house.answer(old, BROKEN)
    await house.ends([top, middle, old], RunStatus.FAULTED)

    await house.deploy(flow("leaf", PING, PING, "{set: {n: 9}}", version="1.1.0"))
    [letter] = await house.letters()
    new = await renew(house.platform, letter, "1.1.0")
    assert (new.parent, new.awaited, new.origin, new.depth) == (middle, True, old, 2)
    assert [(await house.run(each)).status for each in (top, middle)] == [RunStatus.RUNNING] * 2
    with pytest.raises(Refused, match="no longer stands"):
        await redrive(house.platform, letter)

    async def taken() -> bool:
        return (await house.out(new.id)).task.instance == "/do/1/t1#1"

    await until(taken, 10, "the first result is taken over")
    await house.answer(new.id, BROKEN)
    await house.ends([top, middle, new.id], RunStatus.FAULTED)
    [again] = [each for each in await house.letters() if each.status is LetterStatus.OPEN]
    await redrive(house.platform, again)  # and it is redriven as any other
    await house.answer(new.id, Outcome(output={"n": 3}))
    await house.answer(top, Outcome(output={"n": 3}))
    await house.ends([top, middle, new.id], RunStatus.COMPLETED)
    assert await house.output(middle) == {"n": 9}
    assert (await house.run(old)).status is RunStatus.FAULTED
    assert (await house.kinds(middle)).count("child.started") == 2
    assert (await house.kinds(new.id)).count("task.taken") == 1


async def test_a_new_child_may_end_at_once(house: House) -> None:
    """What it ends with is the parent's in the same transaction."""
    await house.deploy(flow("leaf", PING), flow("top", run_of("leaf")))
    top = await house.start("top")
    _, old = [each.id for each in await house.below(top, 1)]
    await house.answer(old, BROKEN)
    await house.ends([top, old], RunStatus.FAULTED)
    await house.deploy(flow("leaf", "{set: {n: 7}}", version="1.1.0"))
    [letter] = await house.letters()
    new = await renew(house.platform, letter, "1.1.0")
    await house.ends([top, new.id], RunStatus.COMPLETED)
    assert await house.output(top) == {"n": 7}


async def test_one_of_several_takes_the_place(house: House) -> None:
    """A letter that is redriven several times at once gives its parent one new child."""
    await house.deploy(flow("leaf", PING), flow("top", run_of("leaf")))
    top = await house.start("top")
    _, old = [each.id for each in await house.below(top, 1)]
    await house.answer(old, BROKEN)
    await house.ends([top, old], RunStatus.FAULTED)
    await house.deploy(flow("leaf", PING, PING, version="1.1.0"))
    [letter] = await house.letters()
    renewals = (renew(house.platform, letter, "1.1.0") for _ in range(3))
    done = await asyncio.gather(*renewals, return_exceptions=True)
    [new] = {each.id for each in done if isinstance(each, RunRow)}
    assert all(isinstance(each, RunRow | Refused) for each in done)
    assert [each.id for each in await house.children(top)] == [old, new]


async def _has_children(house: House, run_id: str, count: int) -> bool:
    return len(await house.children(run_id)) == count


async def test_a_flow_that_runs_itself_has_an_end(house: House) -> None:
    """So many runs deep the next one is a fault with a clear reason."""
    await house.deploy(flow("self", run_of("self")))
    top = await house.start("self")
    await house.ends([top], RunStatus.FAULTED)
    family = await house.below(top, 64)
    assert len(family) == 65
    assert {row.status for row in family} == {RunStatus.FAULTED}
    [letter] = await house.letters()
    assert letter.run == family[-1].id
    assert "runs itself" in letter.reason


async def test_a_childs_end_and_its_parents_never_both_win(
    house: House, tmp_path: Path, ledger_url: str, broker: str
) -> None:
    """Whichever of two hosts is first: the child's end counts, or everything is cancelled."""
    await house.deploy(flow("leaf", PING), flow("top", run_of("leaf")))
    settings = Settings(data=tmp_path / "b", ledger=SecretStr(ledger_url), K_SINK=broker)
    seen = set()
    async with opened(settings) as other:
        for index in range(12):
            top = await house.start("top", f"k{index}")
            _, child = await house.below(top, 1)
            hop = read_hop(await hop_event(await house.out(child.id), house.platform.blobs))
            claim = await other.ledger.claim(hop, now=time.time(), lease=10, cold=False)
            assert claim.work
            cancel = partial(house.platform.ledger.cancel, top, time.time())
            finish = partial(other.settler.finish, claim.work, Outcome(output=1), claim.scope)
            order = [finish(), cancel()] if index % 2 else [cancel(), finish()]
            await asyncio.gather(*order)
            await until(partial(_over, house, top), 10, f"run {top} is over")
            ends = (await house.run(top)).status, (await house.run(child.id)).status
            assert ends[0] is RunStatus.CANCELLED or ends == (
                RunStatus.COMPLETED,
                RunStatus.COMPLETED,
            )
            assert all(status in {"completed", "cancelled"} for status in ends)
            assert await house.platform.ledger.tasks(top, closed=False) == []
            seen.add(ends)
    assert seen


async def _over(house: House, run_id: str) -> bool:
    return (await house.run(run_id)).ended_at is not None
