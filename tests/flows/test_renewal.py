"""Redrive on a newer version of the flow, end to end: nothing that was paid for is paid again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.local_platform import until

if TYPE_CHECKING:
    from tests.support.local_platform import LocalPlatform

FLOW = """
document: {dsl: '1.0.3', namespace: test, name: paid, version: 'VERSION'}
SCHEMA
do:
  - both:
      fork:
        branches:
          - left: {call: ping, with: {n: '${ .n }'}}
          - right:
              do:
                - nap: {wait: {milliseconds: 300}}
                - deep: {call: ping, with: {n: '${ .n + 10 }'}}
      output: {as: '{n: .[0].n, m: .[1].n}'}
  - last: {call: pong, with: {n: LAST}}
  - tell: {set: {n: '${ .n }'}}
"""
NEW = "  - first: {call: ping, with: {n: 100}, output: {as: $input}}\n  - both:"


def flow(version: str, last: str, schema: str = "") -> str:
    """Return a version of the flow; one that is not the first has another task before the rest."""
    text = FLOW.replace("VERSION", version).replace("LAST", last).replace("SCHEMA", schema)
    return text if version == "1.0.0" else text.replace("  - both:", NEW)


@pytest.fixture
def environment(tools: str) -> dict[str, str]:
    """The trivial tools."""
    return {"TENDRIL_TOOLS": tools}


async def refused(platform: LocalPlatform, letter: str, version: str) -> str:
    """Return why a redrive is refused."""
    path = f"/deadletters/{letter}/redrive"
    status, problem = await platform.api("POST", path, json={"flowVersion": version})
    assert status == 409, problem
    detail: str = problem["detail"]
    return detail


async def test_results_are_taken_over(platform: LocalPlatform) -> None:
    """A corrected version goes on with the old run's results; versions that do not fit do not."""
    wrong, right = "'${ \"n\" + (.n | tostring) }'", "'${ .n }'"
    await platform.deploy(flow("1.0.0", wrong))
    old = await platform.run("test/paid", {"n": 1})
    assert old["status"] == "faulted"
    _, listed = await platform.api("GET", "/deadletters?status=open")
    [letter] = listed["deadletters"]

    narrow = "input: {schema: {document: {required: [name]}}}"
    await platform.deploy(flow("0.9.0", right))
    await platform.deploy(flow("2.0.0", right, narrow))
    assert "not newer" in await refused(platform, letter["id"], "0.9.0")
    assert "no flow test/paid:3.0.0" in await refused(platform, letter["id"], "3.0.0")
    assert "does not fit its schema" in await refused(platform, letter["id"], "2.0.0")

    await platform.deploy(flow("2.1.0", right))
    path = f"/deadletters/{letter['id']}/redrive"
    status, begun = await platform.api("POST", path, json={"flowVersion": "2.1.0"})
    assert status == 202
    assert begun["run"] != old["id"]

    async def completed() -> bool:
        return bool((await shown(platform, begun["run"]))["status"] == "completed")

    await until(completed, 30, "the new run completes")
    new = await shown(platform, begun["run"])
    assert (new["redriveOf"], new["flow"], new["output"]) == (
        old["id"],
        "test/paid:2.1.0",
        {"n": 3},
    )
    assert (await shown(platform, old["id"]))["redrivenAs"] == [new["id"]]
    _, told = await platform.api("GET", f"/runs/{new['id']}/history")
    names = {"task.taken": set[str](), "task.claimed": set[str](), "task.started": set[str]()}
    for entry in told["history"]:
        if entry["kind"] in names and entry["detail"].get("pending", True):
            names[entry["kind"]].add(Path(entry["task"]).name)
    assert names["task.taken"] == {"left", "deep"}
    assert names["task.claimed"] == {"first", "last"}
    pending = {Path(e["task"]).name for e in told["history"] if e["detail"].get("pending")}
    assert pending == {"first", "last"}, "what is taken over is not waited for"
    assert "redriven already" in await refused(platform, letter["id"], "2.1.0")


async def shown(platform: LocalPlatform, run_id: str) -> Any:
    """Return a run."""
    _, run = await platform.api("GET", f"/runs/{run_id}")
    return run
