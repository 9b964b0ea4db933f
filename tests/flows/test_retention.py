"""Runs that ended, on a real platform: from the ledger to the archive, and out of both."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.local_platform import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.local_platform import LocalPlatform

FLOW = """
document: {dsl: '1.0.3', namespace: test, name: kept, version: '1.0.0'}
do:
  - large: {call: pong, with: {n: '${ .n }'}}
  - text: {set: {text: '${ "x" * 100000 }', n: '${ .n }'}}
  - tell:
      emit: {event: {with: {source: https://shop.example, type: com.example.kept, data: '${ . }'}}}
      output: {as: '${ .data }'}
"""
FAMILY = """
document: {dsl: '1.0.3', namespace: test, name: family, version: '1.0.0',
  metadata: {tendril: {budget: {calls: 5}}}}
do:
  - child: {run: {workflow: {namespace: test, name: kept, version: '1.0.0', input: {n: 5}}}}
  - tell: {emit: {event: {with: {source: https://shop.example, type: com.example.sold, data: 7}}}}
  - hear: {listen: {to: {one: {with: {type: com.example.sold}}}}}
  - many:
      for: {in: '[1, 2]'}
      metadata: {tendril: {concurrency: 2}}
      do: [{ask: {call: pong, with: {n: 1}}}]
"""


@pytest.fixture
def environment(tools: str) -> dict[str, str]:
    """Runs stay for two seconds, and in the archive for as long as a test says."""
    return {"TENDRIL_TOOLS": tools, "TENDRIL_RETENTION": "2"}


async def shown(platform: LocalPlatform, run: str) -> dict[str, Any]:
    """Return all that the API says of a run."""
    found = {}
    for part in ("", "/tasks", "/history", "/trace"):
        status, answer = await platform.api("GET", f"/runs/{run}{part}")
        assert status == 200, answer
        found[part] = answer
    return found


def without_archived(value: Any) -> Any:
    """Return what is said of runs, but for where they are."""
    if isinstance(value, dict):
        kept = {name: each for name, each in value.items() if name != "archived"}
        return {name: without_archived(each) for name, each in kept.items()}
    return [without_archived(each) for each in value] if isinstance(value, list) else value


async def test_an_archived_run_can_be_read_as_before(platform: LocalPlatform) -> None:
    """Its values, tasks, history and trace stay readable, while ledger and objects have none.

    Likewise of a run that ran another, heard an event, and had branches and a budget.
    """
    await platform.deploy(FLOW)
    await platform.deploy(FAMILY)
    key = {"Idempotency-Key": "once", "Prefer": "wait=30"}
    status, run = await platform.api("POST", "/flows/test/kept/runs", json={"n": 1}, headers=key)
    assert (status, run["output"]["n"]) == (200, 2)
    family = await platform.run("test/family", {})
    assert family["output"] == [{"n": 2}, {"n": 2}], family
    ids = [run["id"], family["id"]]
    before = [without_archived(await shown(platform, each)) for each in ids]
    assert before[1][""]["budget"]["used"]["calls"] == 3
    assert {"run", "heard", "join"} <= {hop["kind"] for hop in before[1]["/trace"]["hops"]}
    assert _large(platform)

    async def archived() -> bool:
        _, answer = await platform.api("GET", "/runs")
        return all(each["archived"] for each in answer["runs"])

    await until(archived, 30, "the runs are archived")
    assert [without_archived(await shown(platform, each)) for each in ids] == before
    with closing(sqlite3.connect(platform.data / "ledger.db")) as ledger:
        for table in ("tasks", "history", "scopes"):
            query = f"SELECT count(*) FROM {table} WHERE run = ?"  # noqa: S608 - our own names
            assert ledger.execute(query, (run["id"],)).fetchone() == (0,), table

    async def cleared() -> bool:
        return not _large(platform)

    await until(cleared, 10, "its large values are deleted")
    status, again = await platform.api("POST", "/flows/test/kept/runs", json={"n": 1}, headers=key)
    assert (status, again["id"]) == (200, run["id"])


def _large(platform: LocalPlatform) -> list[Path]:
    """Return the objects that hold large values."""
    objects = platform.data / "objects"
    return [file for room in ("runs", "events") for file in (objects / room).glob("*/*")]


class TestForgotten:
    """With an end to the archive too."""

    @pytest.fixture
    def environment(self, tools: str) -> dict[str, str]:
        """Archived after one second, forgotten after three."""
        return {
            "TENDRIL_TOOLS": tools,
            "TENDRIL_RETENTION": "1",
            "TENDRIL_ARCHIVE_RETENTION": "3",
        }

    async def test_a_run_is_forgotten_in_the_end(self, platform: LocalPlatform) -> None:
        """Neither ledger nor archive know it any more."""
        await platform.deploy(FLOW)
        run = await platform.run("test/kept", {"n": 1})

        async def gone() -> bool:
            return (await platform.api("GET", f"/runs/{run['id']}"))[0] == 404

        await until(gone, 30, "the run is forgotten")
        assert not list((platform.data / "objects").rglob("*.json.gz"))
