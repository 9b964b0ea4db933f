"""What cannot be done ends visibly: nothing waits for ever, nothing is lost in silence."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.local_platform import until

if TYPE_CHECKING:
    from tests.support.local_platform import LocalPlatform

ONE = """
document: {dsl: '1.0.3', namespace: test, name: one, version: '1.0.0'}
do:
  - a: {call: ping, with: {n: '${ .n }'}}
"""
ENDLESS = """
document: {dsl: '1.0.3', namespace: test, name: endless, version: '1.0.0'}
do:
  - turn: {set: '${ [limit(1; repeat(1) | select(false))] }'}
"""
BESIDE = """
document: {dsl: '1.0.3', namespace: test, name: beside, version: '1.0.0'}
do:
  - a: {call: newer, with: {n: '${ .n }'}}
  - b: {call: ping, with: {n: '${ .n }'}}
"""


@pytest.fixture
def environment(tools: str, request: pytest.FixtureRequest) -> dict[str, str]:
    """The trivial tools and a clock in a hurry; a test adds its own settings by parameter."""
    settings = {
        "TENDRIL_TOOLS": os.pathsep.join([tools, str(Path(__file__).parent / "tools")]),
        "TENDRIL_REQUEST_GRACE": "0.3",
        "TENDRIL_REQUEST_LIMIT": "3",
        "TENDRIL_SWEEP_INTERVAL": "0.2",
    }
    extra: dict[str, str] = getattr(request, "param", {})
    return settings | extra


@pytest.mark.parametrize("environment", [{"TENDRIL_WITHOUT": "inference,ping"}], indirect=True)
async def test_a_task_without_its_tool_is_a_dead_letter(platform: LocalPlatform) -> None:
    """A tool that is not there faults the task after a bounded time, and names it."""
    await platform.deploy(ONE)
    run = await platform.run("test/one", {"n": 1}, wait=60)
    assert run["status"] == "faulted", run
    assert "ping" in run["error"]["detail"]

    async def listed() -> bool:
        _, answer = await platform.api("GET", "/deadletters?status=open")
        return any(letter["run"] == run["id"] for letter in answer["deadletters"])

    await until(listed, 10, "the run is among the dead letters")


async def test_an_endless_expression_faults_its_task_alone(platform: LocalPlatform) -> None:
    """An endless jq program ends in an expression error, and other runs go on meanwhile."""
    await platform.deploy(ENDLESS)
    await platform.deploy(ONE)
    endless = await platform.run("test/endless", {}, wait=0)
    assert (await platform.run("test/one", {"n": 1}))["output"] == {"n": 2}

    async def faulted() -> bool:
        _, run = await platform.api("GET", f"/runs/{endless['id']}")
        return bool(run["status"] == "faulted")

    await until(faulted, 30, "the endless run faulted")
    _, run = await platform.api("GET", f"/runs/{endless['id']}")
    assert run["error"]["type"].endswith("/expression")
    assert "longer than" in run["error"]["detail"]


async def test_a_host_of_another_version_leaves_the_next_step_to_others(
    platform: LocalPlatform,
) -> None:
    """What a newer host recorded is advanced by `flow` at its next sweep, not a lease later."""
    await platform.deploy(BESIDE)
    run = await platform.run("test/beside", {"n": 1}, wait=10)
    assert (run["status"], run["output"]) == ("completed", {"n": 3}), run
    _, told = await platform.api("GET", f"/runs/{run['id']}/history")
    kinds = [entry["kind"] for entry in told["history"]]
    assert kinds.count("task.completed") == 2
