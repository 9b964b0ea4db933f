"""What every ledger promises of budgets: nothing is spent that was not set aside, or twice."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from events.vocabulary import Hop, digest, hop_id
from functions.host.ledger import open_ledger
from functions.host.ledger.rows.budget import Budget, Charge, Spend
from functions.host.ledger.rows.history import Entry
from functions.host.ledger.rows.run import RunStatus
from functions.host.ledger.rows.task import TaskRow, TaskState, Work
from functions.host.ledger.rows.transition import Transition
from tests.support.contender import NOW, run, started

if TYPE_CHECKING:
    from functions.host.ledger import Ledger
    from functions.host.ledger.rows.budget import Reserved
    from functions.host.ledger.rows.run import RunRow

CALL = Spend(1, 30, 0.25)
LIMITS = Budget("r0", None, 100, 1.0, 10, NOW + 60)


def task(run_id: str, instance: str) -> TaskRow:
    return TaskRow(
        run_id, instance, "", instance.partition("#")[0], "echo", 1, "1.0.0", 1, 0,
        hop_id(run_id, instance, 1), "", "{}", digest({}), TaskState.REQUESTED, NOW + 5,
        requested_at=NOW,
    )  # fmt: skip


def hop(row: TaskRow) -> Hop:
    return Hop(
        row.run, row.instance, row.attempt, row.event_id, row.tool, row.major,
        row.input_digest, None, {},
    )  # fmt: skip


def ending(row: TaskRow, charge: Charge, *also: str) -> Transition:
    return Transition(
        row.run, "", 1, "{}", NOW, row.instance, row.token, outcome="{}", charge=charge,
        also_closes=also,
    )  # fmt: skip


def owning(number: int, budget: str = "r0") -> RunRow:
    return replace(run(f"r{number}"), budget=budget)


def instance(number: int) -> str:
    return f"/do/{number}/a#1"


async def opened(ledger: Ledger, budget: Budget = LIMITS, tasks: int = 5) -> list[Work]:
    """Open a run with a budget and claim its tasks."""
    rows = tuple(task("r0", instance(number)) for number in range(tasks))
    first = replace(started("r0"), requests=rows, budget=budget)
    await ledger.open(owning(0), first)
    return [await claimed(ledger, row) for row in rows]


async def claimed(ledger: Ledger, row: TaskRow, now: float = NOW) -> Work:
    claim = await ledger.claim(hop(row), now=now, lease=10, cold=False)
    assert claim.work, claim
    return claim.work


async def reserve(ledger: Ledger, work: Work, asked: Spend = CALL) -> Reserved:
    return await ledger.reserve(work, asked, NOW)


async def known(ledger: Ledger, run_id: str = "r0") -> tuple[Spend, Spend]:
    found = await ledger.budget(run_id)
    assert found
    return found.used, found.held


async def test_a_run_without_a_budget_has_none(ledger: Ledger) -> None:
    """No budget is made up, and the run says so."""
    await ledger.open(run("r0"), started("r0"))
    assert await ledger.budget("r0") is None
    found = await ledger.run("r0")
    assert found
    assert found.budget is None


async def test_a_call_is_set_aside_and_then_charged(ledger: Ledger) -> None:
    """What was set aside is held until the outcome, which charges what was used instead."""
    work, *_ = await opened(ledger)
    assert await reserve(ledger, work) == replace(await reserve(ledger, work), until=NOW + 60)
    assert await known(ledger) == (Spend(), CALL)
    charge = Charge("r0", Spend(1, 12, 0.125))
    done = ending(work.task, charge)
    assert await ledger.transit(done)
    assert not await ledger.transit(done)
    assert await known(ledger) == (Spend(1, 12, 0.125), Spend())


async def test_each_limit_refuses(ledger: Ledger) -> None:
    """Calls, tokens, cost and time are limits each; the refusal names the one without room."""
    works = await opened(ledger, replace(LIMITS, calls=2))
    for asked, word in (
        (Spend(1, 101), "100 tokens"),
        (Spend(1, 0, 1.01), "1.0 cost"),
        (Spend(3), "2 calls"),
    ):
        assert word in (await reserve(ledger, works[0], asked)).refusal
    late = await ledger.reserve(works[0], CALL, NOW + 60)
    assert "time is over" in late.refusal
    assert await known(ledger) == (Spend(), Spend())


async def test_what_is_set_aside_counts_against_others(ledger: Ledger) -> None:
    """Three calls of 30 tokens fit into 100, the fourth does not until one has ended."""
    works = await opened(ledger)
    answers = [await reserve(ledger, work) for work in works[:4]]
    assert [bool(answer.refusal) for answer in answers] == [False, False, False, True]
    assert await ledger.record(works[0].task, "{}", NOW + 10, Charge("r0", Spend(1, 10, 0.0)))
    assert not (await reserve(ledger, works[3])).refusal


async def test_a_retry_is_not_charged_twice(ledger: Ledger) -> None:
    """A parked attempt charges what it used; the next one is set aside anew, and charged once."""
    work, *_ = await opened(ledger)
    await reserve(ledger, work)
    entry = Entry("task.retrying", NOW, work.task.reference, work.task.instance)
    charge = Charge("r0", Spend(0, 5))
    assert await ledger.park(work.task, NOW + 1, entry, charge)
    assert not await ledger.park(work.task, NOW + 1, entry, charge)
    assert await known(ledger) == (Spend(0, 5), Spend())
    found = await ledger.task("r0", work.task.instance)
    assert found
    woken = await ledger.wake(found, now=NOW + 1, grace=5)
    assert woken
    again = await claimed(ledger, woken.task)
    assert not (await reserve(ledger, again)).refusal
    assert await ledger.record(again.task, "{}", NOW + 10, Charge("r0", Spend(1, 10)))
    assert not await ledger.record(again.task, "{}", NOW + 10, Charge("r0", Spend(1, 10)))
    assert await known(ledger) == (Spend(1, 15), Spend())


async def test_a_host_that_dies_leaks_nothing(ledger: Ledger) -> None:
    """A claim that is taken over gives back what was set aside for it; its end charges nothing."""
    work, *_ = await opened(ledger)
    await reserve(ledger, work, Spend(1, 100))
    taken = await claimed(ledger, work.task, NOW + 11)
    assert await known(ledger) == (Spend(), Spend())
    assert not (await reserve(ledger, taken, Spend(1, 100))).refusal
    assert not await ledger.record(work.task, "{}", NOW + 20, Charge("r0", Spend(1, 100)))
    assert await known(ledger) == (Spend(), Spend(1, 100))


async def test_a_call_that_is_not_wanted_any_more_gives_back(ledger: Ledger) -> None:
    """Closing a task, or cancelling its run, gives back what was set aside."""
    first, second, third, *_ = await opened(ledger)
    await reserve(ledger, first)
    await reserve(ledger, second)
    closing = ending(second.task, Charge("r0", Spend(1, 1)), first.task.instance)
    assert await ledger.transit(closing)
    assert await known(ledger) == (Spend(1, 1), Spend())
    await reserve(ledger, third)
    await ledger.cancel("r0", NOW)
    assert await known(ledger) == (Spend(1, 1), Spend())


async def test_a_child_draws_on_what_is_above_it(ledger: Ledger) -> None:
    """A call of a run with a budget of its own needs room in it and in the one above."""
    await opened(ledger, tasks=1)
    row = task("r1", instance(0))
    own = Budget("r1", "r0", 50, None, None, None)
    await ledger.open(owning(1, "r1"), replace(started("r1"), requests=(row,), budget=own))
    work = await claimed(ledger, row)
    assert "run r1" in (await reserve(ledger, work, Spend(1, 51))).refusal
    assert "run r0" in (await reserve(ledger, work, Spend(1, 1, 1.5))).refusal
    allowed = await reserve(ledger, work, CALL)
    assert (allowed.refusal, allowed.until) == ("", NOW + 60)
    assert await known(ledger) == await known(ledger, "r1") == (Spend(), CALL)
    assert await ledger.record(work.task, "{}", NOW + 10, Charge("r1", Spend(1, 7)))
    assert await known(ledger) == await known(ledger, "r1") == (Spend(1, 7), Spend())


async def test_hosts_that_reserve_at_once_never_overdraw(ledger_url: str) -> None:
    """Of many calls that many hosts want to make at the same moment, only so many as fit may be."""
    ledgers = [open_ledger(ledger_url) for _ in range(4)]
    try:
        works = await opened(ledgers[0], replace(LIMITS, cost=None), tasks=12)
        answers = await asyncio.gather(
            *(reserve(ledgers[n % 4], work, Spend(1, 30)) for n, work in enumerate(works))
        )
        allowed = [w for w, answer in zip(works, answers, strict=True) if not answer.refusal]
        assert len(allowed) == 3
        done = await asyncio.gather(
            *(
                ledgers[n % 4].record(w.task, "{}", NOW + 10, Charge("r0", Spend(1, 30)))
                for n, w in enumerate(allowed * 3)
            )
        )
        assert sum(done) == 3
        assert await known(ledgers[1]) == (Spend(3, 90), Spend())
        row = await ledgers[2].run("r0")
        assert row
        assert row.status is RunStatus.RUNNING
    finally:
        for ledger in ledgers:
            await ledger.close()
