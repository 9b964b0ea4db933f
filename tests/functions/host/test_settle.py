"""Settling on a real ledger: what a host does that comes too late."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.flow.deploy import deploy
from functions.flow.starting import start
from functions.host.assembly import opened
from functions.host.ledger.claims import TURN
from functions.host.ledger.rows.task import TaskRow, TaskState, Work
from functions.host.settings import Settings

if TYPE_CHECKING:
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
