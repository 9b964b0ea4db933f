"""Time on the real platform: waits, pauses and timeouts, over restarts too."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.support.local_platform import until

if TYPE_CHECKING:
    from tests.support.local_platform import LocalPlatform


@pytest.fixture
def environment(tools: str) -> dict[str, str]:
    """The platform knows the trivial tools; its own retries take no time to speak of."""
    return {"TENDRIL_TOOLS": tools, "TENDRIL_RETRY_DELAY": "0.05"}


def flow(name: str, body: str) -> str:
    """Return a flow's YAML."""
    return f"document: {{dsl: '1.0.3', namespace: time, name: {name}, version: '1.0.0'}}\n{body}"


async def test_a_wait_is_kept_over_a_crash(platform: LocalPlatform) -> None:
    """A run that waits goes on at its time, though everything died meanwhile; not before it."""
    await platform.deploy(
        flow("nap", "do: [{w: {wait: {seconds: 4}}}, {p: {call: ping, with: {n: '${ .n }'}}}]")
    )
    begun = time.monotonic()
    run = await platform.begin("time/nap", {"n": 1})
    await platform.kill()
    await platform.start()
    assert (await platform.ended(run))["output"] == {"n": 2}
    assert time.monotonic() - begun >= 4


class TestBetweenSweeps:
    """On a platform whose clock sweeps once a minute."""

    @pytest.fixture
    def environment(self, tools: str) -> dict[str, str]:
        """A minute between two sweeps."""
        return {"TENDRIL_TOOLS": tools, "TENDRIL_SWEEP_INTERVAL": "60"}

    async def test_short_times_do_not_wait_for_a_sweep(self, platform: LocalPlatform) -> None:
        """Ten naps in a row are over long before the clock looks, and none is cut short."""
        naps = ", ".join(f"{{w{i}: {{wait: {{milliseconds: 100}}}}}}" for i in range(10))
        await platform.deploy(flow("naps", f"do: [{naps}]"))
        begun = time.monotonic()
        run = await platform.run("time/naps", {"n": 1}, wait=30)
        assert (run["status"], run["output"]) == ("completed", {"n": 1})
        assert time.monotonic() - begun >= 1


async def test_a_failing_call_is_tried_again(platform: LocalPlatform) -> None:
    """The attempts, their pauses and the last error stand in the history; a handler takes over."""
    body = """
do:
  - t:
      try:
        - get: {call: http, with: {method: get, endpoint: 'http://127.0.0.1:9/'}}
      catch:
        retry: {delay: PT0.1S, limit: {attempt: {count: 2}}}
        do: [{note: {set: {gave: '${ $error.status }'}}}]
"""
    await platform.deploy(flow("again", body))
    status, run = await platform.api(
        "POST", "/flows/time/again/runs", json={}, headers={"Prefer": "wait=60"}
    )
    assert (status, run["status"]) == (200, "completed"), run
    _, trail = await platform.api("GET", f"/runs/{run['id']}/history")
    kinds = [entry["kind"] for entry in trail["history"]]
    assert kinds.count("task.retried") == 2
    assert kinds.count("task.claimed") >= 3
    assert kinds[-1] == "run.completed"


async def test_a_timeout_shuts_out_the_task(platform: LocalPlatform) -> None:
    """A task beyond its time ends in a timeout that a catch handles, and no timer is left."""
    body = """
timeout: {after: PT1H}
do:
  - t:
      try:
        - slow: {timeout: {after: PT0.3S}, do: [{w: {wait: PT1H}}]}
      catch: {as: e, do: [{note: {set: {status: '${ $e.status }', at: '${ $e.instance }'}}}]}
"""
    await platform.deploy(flow("late", body))
    run = await platform.run("time/late", {})
    assert run["output"] == {"status": 408, "at": "/do/0/t/try/0/slow"}


async def test_a_flow_that_times_out_is_redriven(platform: LocalPlatform) -> None:
    """An uncaught timeout is a dead letter; redriven, the run has its full time once more."""
    await platform.deploy(flow("limited", "timeout: {after: PT0.6S}\ndo: [{w: {wait: PT1S}}]"))
    run = await platform.ended(await platform.begin("time/limited", {}))
    assert (run["status"], run["error"]["status"]) == ("faulted", 408)
    _, letters = await platform.api("GET", "/deadletters")
    [letter] = [each for each in letters["deadletters"] if each["run"] == run["id"]]
    path = f"/deadletters/{letter['id']}/redrive"
    status, problem = await platform.api("POST", path, json={"input": {}})
    assert status == 409
    assert "a timer, which has no input" in problem["detail"]
    assert (await platform.api("POST", path))[0] == 202
    assert (await platform.ended(run["id"]))["status"] == "completed"


async def test_a_flow_runs_by_its_schedule(platform: LocalPlatform) -> None:
    """A deployed flow starts by itself, again after a restart, and calls tools like any other."""
    body = "schedule: {every: PT1S}\ndo: [{p: {call: ping, with: {n: 1}}}]"

    async def three() -> bool:
        _, answer = await platform.api("GET", "/runs?flow=time/beat&status=completed")
        return len(answer["runs"]) >= 3

    await platform.deploy(flow("beat", body))
    await platform.kill()
    await platform.start()
    await until(three, 30, "the flow has run three times")
