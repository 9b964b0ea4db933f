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


@pytest.fixture
def environment(tools: str) -> dict[str, str]:
    """Runs stay for two seconds, and in the archive for as long as a test says."""
    return {"TENDRIL_TOOLS": tools, "TENDRIL_RETENTION": "2"}


async def shown(platform: LocalPlatform, run: str) -> dict[str, Any]:
    """Return all that the API says of a run."""
    found = {}
    for part in ("", "/tasks", "/history"):
        status, answer = await platform.api("GET", f"/runs/{run}{part}")
        assert status == 200, answer
        found[part] = answer
    return found


async def test_an_archived_run_can_be_read_as_before(platform: LocalPlatform) -> None:
    """Its values, tasks and history stay readable, while ledger and objects keep none of them."""
    await platform.deploy(FLOW)
    key = {"Idempotency-Key": "once", "Prefer": "wait=30"}
    status, run = await platform.api("POST", "/flows/test/kept/runs", json={"n": 1}, headers=key)
    assert (status, run["output"]["n"]) == (200, 2)
    before = await shown(platform, run["id"])
    assert _large(platform)

    async def archived() -> bool:
        _, answer = await platform.api("GET", "/runs")
        return bool(answer["runs"][0]["archived"])

    await until(archived, 30, "the run is archived")
    after = await shown(platform, run["id"])
    assert after[""].pop("archived") != before[""].pop("archived")
    assert after == before
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
