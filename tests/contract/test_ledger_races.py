"""What every ledger promises to hosts that act at the same moment, or die at a bad one."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from events.vocabulary import hop_id
from functions.host.ledger import open_ledger
from functions.host.ledger.claims import Verdict
from functions.host.ledger.rows.flow import FlowRow, Schedule
from functions.host.ledger.rows.history import Entry
from functions.host.ledger.rows.run import RunStatus
from functions.host.ledger.rows.task import TaskState
from tests.support import contender
from tests.support.contender import NOW, hop, run, started, step, task
from tests.support.local_platform import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from functions.host.ledger import Ledger

ROOT = Path(__file__).resolve().parents[2]


@asynccontextmanager
async def hosts(url: str, number: int) -> AsyncIterator[list[Ledger]]:
    """So many hosts, each with connections of its own."""
    opened = [open_ledger(url) for _ in range(number)]
    yield opened
    for ledger in opened:
        await ledger.close()


@contextmanager
def contenders(
    url: str, what: str, number: int, count: int
) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that are ready to act when told; none of them outlives the block."""
    command = [sys.executable, "-m", "tests.support.contender", url, what, str(number)]
    processes = [
        subprocess.Popen(
            command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for _ in range(count)
    ]
    try:
        for process in processes:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def go(processes: Sequence[subprocess.Popen[str]]) -> None:
    for process in processes:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()


def results(url: str, what: str, number: int, count: int) -> list[Any]:
    """Let so many processes act at once; return what each says."""
    with contenders(url, what, number, count) as processes:
        go(processes)
        return [json.loads(process.communicate(timeout=60)[0]) for process in processes]


async def assert_consistent(ledger: Ledger, run_id: str = "r0") -> int:
    """Every step was counted, numbered and written whole; return the revision."""
    _, rev = await ledger.scope(run_id, "")
    row = await ledger.run(run_id)
    history = await ledger.history(run_id, 0)
    assert row
    assert row.steps == rev
    assert [seq for seq, _ in history] == list(range(1, len(history) + 1))
    steps = [entry.detail["rev"] for _, entry in history if entry.kind == "stepped"]
    assert steps == list(range(1, rev))
    return rev


async def test_one_of_many_hosts_takes_a_step(ledger_url: str) -> None:
    """Of transitions computed on one revision by hosts of their own, exactly one is written."""
    async with hosts(ledger_url, 6) as ledgers:
        await ledgers[0].open(run("r0"), started("r0"))
        for rev in range(1, 6):
            won = await asyncio.gather(*(ledger.transit(step("r0", rev)) for ledger in ledgers))
            assert sorted(won) == [False] * 5 + [True]
        assert await assert_consistent(ledgers[0]) == 6


async def test_processes_take_turns_on_a_scope(ledger: Ledger, ledger_url: str) -> None:
    """Four processes stepping one scope win each revision once, and number history by it."""
    await ledger.open(run("r0"), started("r0"))
    won = await asyncio.to_thread(results, ledger_url, "step", 25, 4)
    assert sorted(rev for each in won for rev in each) == list(range(1, 101))
    assert await assert_consistent(ledger) == 101


async def test_one_of_many_processes_claims_a_task(ledger: Ledger, ledger_url: str) -> None:
    """Each of forty tasks that three processes are given at once is claimed by exactly one."""
    names = [f"r{index}" for index in range(40)]
    for name in names:
        await ledger.open(run(name), started(name))
    won = await asyncio.to_thread(results, ledger_url, "claim", 40, 3)
    assert sorted(name for each in won for name in each) == sorted(names)
    for name in names:
        [row] = await ledger.tasks(name)
        assert (row.state, row.token, row.claims) == (TaskState.CLAIMED, 1, 1)


async def test_claims_of_one_run_do_not_lose_lines(ledger_url: str) -> None:
    """Tasks of one run that several hosts claim at once each get a line, numbered without gaps."""
    rows = tuple(replace(task("r0"), instance=f"/do/{index}/a#1") for index in range(40))
    rows = tuple(replace(row, event_id=hop_id("r0", row.instance, 1)) for row in rows)
    async with hosts(ledger_url, 4) as ledgers:
        await ledgers[0].open(run("r0"), replace(started("r0"), requests=rows))
        calls = [
            ledgers[index % 4].claim(
                replace(hop("r0"), instance=row.instance, event_id=row.event_id),
                now=NOW,
                lease=10,
                cold=False,
            )
            for index, row in enumerate(rows)
        ]
        assert {claim.verdict for claim in await asyncio.gather(*calls)} == {Verdict.CLAIM}
        history = await ledgers[0].history("r0", 0)
        assert [seq for seq, _ in history] == list(range(1, 42))
        assert {entry.instance for _, entry in history[1:]} == {row.instance for row in rows}


async def _moved(ledger: Ledger, rev: int) -> bool:
    return (await ledger.scope("r0", ""))[1] >= rev


async def test_a_host_killed_while_it_writes_leaves_nothing_half_done(
    ledger: Ledger, ledger_url: str
) -> None:
    """After SIGKILL amid a stream of transitions each is whole or absent, and others go on."""
    await ledger.open(run("r0"), started("r0"))
    for _ in range(3):
        _, before = await ledger.scope("r0", "")
        with contenders(ledger_url, "step", 1_000_000, 2) as processes:
            go(processes)
            await until(partial(_moved, ledger, before + 20), 60, "the hosts write")
        async with asyncio.timeout(5):
            await contender.step_on(ledger, 1)
        await assert_consistent(ledger)


async def test_a_host_that_died_with_a_claim_is_replaced(ledger: Ledger, ledger_url: str) -> None:
    """A claim of a dead process stands until its lease ran out; then another host has it."""
    await ledger.open(run("r0"), started("r0"))
    [won] = await asyncio.to_thread(results, ledger_url, "claim", 1, 1)
    assert won == ["r0"]
    early = await ledger.claim(hop("r0"), now=NOW + 9, lease=10, cold=False)
    assert early.verdict is Verdict.NOTHING
    late = await ledger.claim(hop("r0"), now=NOW + 10, lease=10, cold=False)
    assert late.verdict is Verdict.CLAIM
    assert not await ledger.record(task("r0", token=1), '{"output":1}', NOW + 20)


async def test_a_cancel_and_a_last_step_never_both_win(ledger_url: str) -> None:
    """A run that is cancelled as it completes has one end, and its history says which."""
    async with hosts(ledger_url, 2) as (left, right):
        ends = set()
        for index in range(30):
            name = f"r{index}"
            await left.open(run(name), started(name))
            last = replace(
                step(name, 1),
                entries=(Entry("run.completed", NOW),),
                ended=RunStatus.COMPLETED,
                output="{}",
            )
            completed, cancelled = await asyncio.gather(left.transit(last), right.cancel(name, NOW))
            row = await left.run(name)
            kinds = [entry.kind for _, entry in await left.history(name, 0)]
            assert row
            assert cancelled
            expected = RunStatus.COMPLETED if completed else RunStatus.CANCELLED
            assert row.status is cancelled.status is expected
            assert kinds == ["run.started", f"run.{expected}"]
            ends.add(expected)
        assert ends


async def test_one_of_many_clocks_wakes_a_task(ledger_url: str) -> None:
    """Of several clocks that find one request overdue, exactly one brings it back."""
    async with hosts(ledger_url, 4) as ledgers:
        await ledgers[0].open(run("r0"), started("r0"))
        [late] = await ledgers[0].overdue(NOW + 6, 10)
        woken = await asyncio.gather(
            *(ledger.wake(late, now=NOW + 6, grace=5) for ledger in ledgers)
        )
        assert [work is None for work in woken].count(False) == 1
        [row] = await ledgers[0].tasks("r0")
        assert row.emissions == 1


async def test_one_of_many_clocks_starts_what_is_scheduled(ledger_url: str) -> None:
    """Of several clocks that see a schedule due, exactly one sets its next time."""
    flow = FlowRow("sha256:a", "shop", "order", "1.0.0", "", {"do": []}, "do: []", {}, NOW)
    async with hosts(ledger_url, 4) as ledgers:
        await ledgers[0].deploy(flow, [], [Schedule("sha256:a", "every", "PT1S", NOW + 1)])
        assert await ledgers[0].scheduled(NOW) == []
        [due] = await ledgers[0].scheduled(NOW + 1)
        moved = await asyncio.gather(
            *(ledger.reschedule(due, None, "r0") for ledger in ledgers),
        )
        assert sorted(moved) == [False] * 3 + [True]
        assert await ledgers[0].scheduled(NOW + 9) == []
        await ledgers[0].open(run("r0"), started("r0"))
        await ledgers[0].cancel("r0", NOW + 5)
        [after] = await ledgers[0].scheduled(NOW + 9)
        assert (after.due_at, after.run, after.ended_at) == (None, "r0", NOW + 5)


async def test_schedules_of_a_flow_stand_apart(ledger_url: str) -> None:
    """A flow that starts by several kinds of times has each of them by itself."""
    flow = FlowRow("sha256:a", "shop", "order", "1.0.0", "", {"do": []}, "do: []", {}, NOW)
    kinds = [Schedule("sha256:a", kind, "60", NOW + 1) for kind in ("after", "every")]
    async with hosts(ledger_url, 1) as [ledger]:
        await ledger.deploy(flow, [], kinds)
        found = await ledger.scheduled(NOW + 1)
        assert sorted(each.kind for each in found) == ["after", "every"]
        [every] = [each for each in found if each.kind == "every"]
        assert await ledger.reschedule(every, NOW + 61, None)
        assert [each.kind for each in await ledger.scheduled(NOW + 9)] == ["after"]
