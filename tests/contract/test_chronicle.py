"""What every ledger promises of the histories of all runs as one."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg
import pytest

from functions.host.ledger import open_ledger
from functions.host.ledger.rows.history import Bookmark, Entry
from functions.host.ledger.rows.run import RunRow, RunStatus
from functions.host.ledger.rows.transition import Transition
from functions.host.ledger.sqlite import schema

if TYPE_CHECKING:
    from pathlib import Path

    from functions.host.ledger import Ledger

NOW = 1_000.0
STARTED = ("run.started",)


def run(run_id: str) -> RunRow:
    return RunRow(
        run_id, "sha256:a", "shop", "order", "1.0.0", 1, RunStatus.RUNNING, "{}", None, None,
        NOW, None, "0" * 32,
    )  # fmt: skip


def first(run_id: str, *kinds: str) -> Transition:
    entries = tuple(Entry(kind, NOW, detail={"n": n}) for n, kind in enumerate(kinds or STARTED))
    return Transition(run_id, "", 0, "{}", NOW, None, 0, entries=entries)


async def test_a_first_bookmark_lies_at_the_end(ledger: Ledger) -> None:
    """Who begins to read is told nothing of what was before, and everything from then on."""
    await ledger.open(run("before"), first("before"))
    mark = await ledger.bookmark("told")
    assert (mark.holder, mark.until) == ("", 0.0)
    assert await ledger.lines(mark.place, STARTED, 10) == ([], mark.place)
    await ledger.open(run("r1"), first("r1", "run.started", "task.started"))
    lines, end = await ledger.lines(mark.place, ("run.started", "task.started"), 10)
    assert [(line.run, line.seq, line.entry.kind, line.entry.detail) for line in lines] == [
        ("r1", 1, "run.started", {"n": 0}),
        ("r1", 2, "task.started", {"n": 1}),
    ]
    line = lines[0]
    assert (line.namespace, line.name, line.version) == ("shop", "order", "1.0.0")
    assert (line.trace, line.output) == ("0" * 32, None)
    assert await ledger.lines(end, STARTED, 10) == ([], end)
    assert await ledger.bookmark("told") == mark


async def test_lines_are_read_in_parts_and_by_kind(ledger: Ledger) -> None:
    """Parts follow each other without a gap; kinds that are not asked for are passed over."""
    place = (await ledger.bookmark("told")).place
    for number in range(5):
        await ledger.open(run(f"r{number}"), first(f"r{number}", "run.started", "task.started"))
    seen: list[str] = []
    while True:
        lines, place = await ledger.lines(place, STARTED, 2)
        seen += [line.run for line in lines]
        if len(lines) < 2:
            break
    assert seen == [f"r{number}" for number in range(5)]
    assert await ledger.lines(place, ("task.started",), 2) == ([], place)


async def test_a_completed_run_gives_its_output(ledger: Ledger) -> None:
    """The line of a run's completion, and no other, has the output."""
    place = (await ledger.bookmark("told")).place
    done = replace(
        first("r1", "run.started", "run.completed"), ended=RunStatus.COMPLETED, output='{"a":1}'
    )
    await ledger.open(run("r1"), done)
    lines, _ = await ledger.lines(place, ("run.started", "run.completed"), 10)
    assert [line.output for line in lines] == [None, '{"a":1}']


async def test_a_bookmark_moves_only_from_where_it_was_seen(ledger: Ledger) -> None:
    """Of two readers that saw the same bookmark one moves it; one taken out begins at the end."""
    seen = await ledger.bookmark("told")
    moved = Bookmark(seen.place, "host-a", NOW + 30)
    assert await ledger.mark("told", seen, moved)
    assert not await ledger.mark("told", seen, Bookmark(seen.place, "host-b", NOW + 30))
    assert await ledger.bookmark("told") == moved
    await ledger.open(run("r1"), first("r1"))
    assert not await ledger.mark("told", seen, None)
    assert await ledger.mark("told", moved, None)
    anew = await ledger.bookmark("told")
    assert await ledger.lines(anew.place, STARTED, 10) == ([], anew.place)


async def test_no_line_is_passed_over_while_hosts_write(ledger: Ledger, ledger_url: str) -> None:
    """Reading along with two writing hosts, every line is seen exactly once, each run's in order.

    On PostgreSQL transactions commit in another order than they numbered their lines in.
    """
    other = open_ledger(ledger_url)
    place = (await ledger.bookmark("told")).place
    kinds = ("run.started", "a", "b", "c")
    seen: list[tuple[str, int]] = []

    async def write(host: Ledger, name: str) -> None:
        async def one(number: int) -> None:
            run_id = f"{name}{number}"
            await host.open(run(run_id), first(run_id, *kinds))

        for begin in range(0, 60, 6):
            await asyncio.gather(*(one(begin + each) for each in range(6)))

    async def read(until: asyncio.Future[tuple[None, None]]) -> None:
        nonlocal place
        last = False
        while not last:
            last = until.done()
            lines, place = await ledger.lines(place, kinds, 7)
            seen.extend((line.run, line.seq) for line in lines)
            last = last and not lines
            await asyncio.sleep(0)

    writing = asyncio.gather(write(ledger, "a"), write(other, "b"))
    await read(writing)
    await writing
    await other.close()
    assert len(seen) == len(set(seen)) == 2 * 60 * 4
    for name in {run_id for run_id, _ in seen}:
        assert [seq for run_id, seq in seen if run_id == name] == [1, 2, 3, 4]


async def test_a_transaction_under_way_holds_up_those_that_began_later(
    ledger: Ledger, ledger_url: str
) -> None:
    """On PostgreSQL: a line committed late, though numbered early, is still read."""
    if not ledger_url.startswith("postgresql"):
        pytest.skip("on SQLite writers take turns")
    place = (await ledger.bookmark("told")).place
    await ledger.open(run("slow"), first("slow"))
    lines, place = await ledger.lines(place, ("late", *STARTED), 10)
    assert [line.run for line in lines] == ["slow"]
    slow = await psycopg.AsyncConnection.connect(ledger_url)
    async with slow:
        await slow.execute(
            "INSERT INTO history (run, seq, kind, at, reference, instance, detail) "
            "VALUES ('slow', 2, 'late', 1, '', '', '{}')"
        )
        await ledger.open(run("quick"), first("quick"))
        assert await ledger.lines(place, ("late", *STARTED), 10) == ([], place)
    lines, _ = await ledger.lines(place, ("late", *STARTED), 10)
    assert [(line.run, line.entry.kind) for line in lines] == [
        ("slow", "late"),
        ("quick", "run.started"),
    ]


async def test_pruned_lines_leave_the_bookmark_valid(ledger: Ledger, ledger_url: str) -> None:
    """Where all of history was pruned, what is written afterwards is read."""
    await ledger.open(run("old"), first("old"))
    place = (await ledger.bookmark("told")).place
    await _prune(ledger_url)
    _, place = await ledger.lines(place, STARTED, 10)
    await ledger.open(run("new"), first("new"))
    lines, _ = await ledger.lines(place, STARTED, 10)
    assert [line.run for line in lines] == ["new"]


async def _prune(url: str) -> None:
    if url.startswith("postgresql"):
        async with await psycopg.AsyncConnection.connect(url) as server:
            await server.execute("DELETE FROM history")
        return
    with sqlite3.connect(url.removeprefix("sqlite:///")) as file:
        file.execute("DELETE FROM history")
    file.close()


async def test_an_older_ledger_keeps_its_history(tmp_path: Path) -> None:
    """The embedded ledger's history of the version before is there after the migration."""
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path)) as file, file:  # as the version before had it
        file.executescript(";".join(schema._MIGRATIONS[:5]))
        for number, kind in enumerate(("run.started", "task.started")):
            line = ("r1", number + 1, kind, NOW, "", "", "{}")
            file.execute("INSERT INTO history VALUES (?, ?, ?, ?, ?, ?, ?)", line)
        file.execute("PRAGMA user_version = 5")
    after = open_ledger(f"sqlite:///{path}")
    try:
        assert [entry.kind for _, entry in await after.history("r1", 0)] == [
            "run.started",
            "task.started",
        ]
        place = (await after.bookmark("told")).place
        await after.open(run("r2"), first("r2"))
        lines, _ = await after.lines(place, STARTED, 10)
        assert [line.run for line in lines] == ["r2"]
    finally:
        await after.close()
