"""Settling on a real ledger: what a host does that comes too late, and what takes it long."""

from __future__ import annotations

import asyncio
import gc
import time
from typing import TYPE_CHECKING

import pytest

from functions.flow.deploy import deploy
from functions.flow.starting import start
from functions.host.assembly import opened
from functions.host.ledger.claims import TURN
from functions.host.ledger.rows.task import TaskRow, TaskState, Work
from functions.host.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FLOW = """
document: {dsl: '1.0.3', namespace: test, name: waits, version: '1.0.0'}
do:
  - w: {wait: {hours: 1}}
"""


async def test_a_turn_in_a_fork_that_is_over_changes_nothing(tmp_path: Path) -> None:
    """A host that was frozen over it finds the scope gone, and has nothing to do."""
    async with opened(Settings(data=tmp_path, _env_file=None)) as platform:
        flow, _ = await deploy(platform, FLOW)
        run, _ = await start(platform, flow, {}, door="api", source="/api", key="k", trace="")
        before = await platform.ledger.history(run.id, 0)
        turn = TaskRow(
            run.id, "/do/0/f#1/1~turn", "/do/0/f#1/1", "/do/0/f", "", 0, "", 1, 0, "event", "",
            "null", "", TaskState.RECORDED, 0.0, outcome=TURN,
        )  # fmt: skip
        settled = await platform.settler.settle(Work(turn, run))
        assert list(settled.requests) == []
        assert await platform.ledger.history(run.id, 0) == before


WIDE = """
document: {dsl: '1.0.3', namespace: test, name: wide, version: '1.0.0'}
do:
  - l:
      for: {in: '${ .items }'}
      metadata: {tendril: {concurrency: 2}}
      do:
        - w: {wait: {hours: 1}}
"""


@pytest.fixture
def _uncollected() -> Iterator[None]:
    """What collecting garbage takes is no part of what is measured."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_uncollected")
async def test_a_wide_loop_that_begins_leaves_others_their_turn(tmp_path: Path) -> None:
    """The host beats its claims and takes others while thousands of branches begin."""
    longest = 0.0

    async def beat() -> None:
        nonlocal longest
        while True:
            before = time.thread_time()  # what others do on this machine counts for nothing
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - before)

    async with opened(Settings(data=tmp_path, _env_file=None)) as platform:
        flow, _ = await deploy(platform, WIDE)
        beating = asyncio.create_task(beat())
        given = {"items": list(range(10_000))}
        run, _ = await start(platform, flow, given, door="api", source="/api", key="k", trace="")
        beating.cancel()
        assert len(await platform.ledger.outputs(run.id, "/do/0/l#1")) == len(given["items"])
    assert longest < 0.06, f"for {longest:.3f} s nothing else could happen"
