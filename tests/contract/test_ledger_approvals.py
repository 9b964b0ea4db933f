"""Approvals in every ledger: one answer counts, and what is accepted is not lost to a timeout."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from functions.host.ledger.hearing import hearing
from functions.host.ledger.rows.approval import Assignee
from functions.host.ledger.rows.history import Entry
from functions.host.ledger.rows.listen import Subscription
from functions.host.ledger.rows.run import RunStatus
from functions.host.ledger.rows.task import NEVER, TaskRow, TaskState
from functions.host.ledger.rows.transition import Transition
from tests.contract.test_ledger import NOW, row, run, timer

if TYPE_CHECKING:
    from functions.host.ledger import Ledger

ASKED = "/do/0/a#1"
LIMIT = f"{ASKED}~timeout"


def asking(run_id: str = "r1", at: float = NOW) -> TaskRow:
    made = row(run_id, ASKED)
    return replace(
        made, tool="", state=TaskState.ASKING, due_at=NEVER, input="{}", requested_at=at
    )  # fmt: skip


def answer_of(name: str, run_id: str = "r1") -> TaskRow:
    listens = Subscription("", "", run_id, ASKED, "", "/do/0/a", "")
    return hearing(listens, "answer", f'"{name}"', NOW)


def entry(name: str) -> Entry:
    return Entry("approval.answered", NOW, "/do/0/a", ASKED, {"by": name})


def began(run_id: str = "r1", at: float = NOW) -> Transition:
    rows = asking(run_id, at), timer(LIMIT, run=run_id)
    return Transition(run_id, "", 0, '{"s":0}', NOW, None, 0, timers=rows)


async def answered(ledger: Ledger, name: str, run_id: str = "r1") -> bool:
    return await ledger.answer(asking(run_id), answer_of(name, run_id), entry(name))


def timed_out(limit: TaskRow) -> Transition:
    """Return what a step writes that the task's limit of time leads to."""
    return Transition(
        "r1", "", 1, '{"s":1}', NOW, LIMIT, limit.token, deaf=(ASKED,), also_closes=()
    )  # fmt: skip


async def states(ledger: Ledger) -> dict[str, str]:
    return {each.instance: each.state for each in await ledger.tasks("r1")}


async def test_one_of_two_answers_counts(ledger: Ledger) -> None:
    """However many answer at the same moment, one is written, with its line; its timer is over."""
    await ledger.open(run(), began())
    names = [f"p{n}" for n in range(8)]
    done = await asyncio.gather(*(answered(ledger, name) for name in names))
    assert sum(done) == 1
    winner = names[done.index(True)]
    [told_] = [work.task for work in await ledger.overdue(1e12, 10)]
    assert (told_.outcome, told_.state) == (f'"{winner}"', TaskState.RECORDED)
    assert [each.detail for _, each in await ledger.history("r1", 0)] == [{"by": winner}]
    assert (await states(ledger))[ASKED] == (await states(ledger))[LIMIT] == TaskState.CLOSED


async def test_an_answer_and_a_timeout(ledger: Ledger) -> None:
    """Whoever is first is right: an accepted answer does not time out, a late one is refused."""
    for number in range(6):
        run_id = f"r{number}"
        await ledger.open(run(run_id), began(run_id))
        out = replace(timed_out(timer(LIMIT)), run=run_id)
        tasks = [answered(ledger, "ann", run_id), ledger.transit(out)]
        first, second = await asyncio.gather(*(tasks if number % 2 else reversed(tasks)))
        assert first is not second
        heard = [t for t in await ledger.tasks(run_id) if t.state is TaskState.RECORDED]
        accepted = first if number % 2 else second
        assert bool(heard) is accepted


async def test_nobody_answers_what_is_over(ledger: Ledger) -> None:
    """A run that was cancelled takes no answer; a suspended one keeps it until it is resumed."""
    await ledger.open(run(), began())
    await ledger.suspend("r1", NOW)
    assert len(await ledger.asking(None, (0.0, "", ""), 9)) == 1
    assert await answered(ledger, "ann")
    assert await ledger.overdue(1e12, 9) == []
    await ledger.resume("r1", NOW + 1)
    assert [work.task.outcome for work in await ledger.overdue(1e12, 9)] == ['"ann"']
    await ledger.open(run("r2"), began("r2"))
    await ledger.cancel("r2", NOW)
    assert not await answered(ledger, "ann", "r2")
    assert await ledger.asking(None, (0.0, "", ""), 9) == []


async def test_what_is_asked_is_found(ledger: Ledger) -> None:
    """In pages by age; by a run with those that it awaits, and not those that it does not."""
    kin = {"r1": ("", False), "r2": ("r1", True), "r3": ("r2", True), "r4": ("r1", False)}
    for age, (name, (parent, awaited)) in enumerate(kin.items()):
        child = replace(run(name), parent=parent or None, awaited=awaited, status=RunStatus.RUNNING)
        await ledger.open(child, began(name, NOW - age))
    pages, after = [], (0.0, "", "")
    while page := await ledger.asking(None, after, 3):
        pages.append([work.run.id for work in page])
        after = page[-1].task.requested_at, page[-1].task.run, page[-1].task.instance
    assert pages == [["r4", "r3", "r2"], ["r1"]]
    found = {(top, work.run.id) for top, work in await ledger.asking_below(["r1", "r3"])}
    assert found == {("r1", "r3"), ("r3", "r3"), ("r1", "r2"), ("r1", "r1")}


async def test_who_may_answer_is_asked_for(ledger: Ledger) -> None:
    """In whole pages: those whom the present step of the escalation names, and anybody's."""
    steps = [f"{ASKED}~escalation#{number}" for number in (1, 2)]
    who = ("a0", 0, "ann"), ("a1", 0, "tom"), ("a2", 0, "ann"), ("a2", 1, "eve"), ("a2", 2, "tom")
    named = [Assignee(run_id, ASKED, step, name) for run_id, step, name in (*who, ("a3", 0, ""))]
    for age, run_id in enumerate(("a0", "a1", "a2", "a3")):
        timers = [timer(step, run=run_id) for step in steps if run_id == "a2"]
        begun = replace(
            began(run_id, NOW + age),
            timers=(asking(run_id, NOW + age), *timers),
            assignees=tuple(each for each in named if each.run == run_id),
        )
        await ledger.open(run(run_id), begun)

    async def asked(*names: str, limit: int = 9, after: float = 0.0) -> list[str]:
        found = await ledger.asking(names, (after, "", ""), limit)
        below = await ledger.asking_below(["a0", "a1", "a2", "a3"], names)
        if limit == 9 and not after:
            assert [work for _, work in below] == found
        return [work.run.id for work in found]

    assert await asked("ann") == ["a0", "a2", "a3"]
    assert await asked("ann", limit=2) == ["a0", "a2"]
    assert await asked("ann", after=NOW + 2.5) == ["a3"]
    assert await asked("eve", "tom") == ["a1", "a3"]
    assert await asked() == ["a3"]
    for number, (step, name, gone) in enumerate(
        zip(steps, ("eve", "tom"), ("ann", "eve"), strict=True)
    ):
        [fired] = [each for each in await ledger.tasks("a2") if each.instance == step]
        moved = Transition("a2", "", number + 1, "{}", NOW, step, fired.token)
        assert await ledger.transit(moved)
        assert "a2" in await asked(name)
        assert "a2" not in await asked(gone)
