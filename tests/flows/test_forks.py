"""Forks on the real platform."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.local_platform import until

if TYPE_CHECKING:
    from tests.support.local_platform import LocalPlatform


@pytest.fixture
def environment(tools: str) -> dict[str, str]:
    """The platform knows the trivial tools, and looks often."""
    return {"TENDRIL_TOOLS": tools, "TENDRIL_SWEEP_INTERVAL": "0.2", "TENDRIL_REQUEST_GRACE": "1"}


def flow(name: str, body: str) -> str:
    """Return a flow's YAML."""
    return f"document: {{dsl: '1.0.3', namespace: fork, name: {name}, version: '1.0.0'}}\n{body}"


def ping(n: str) -> str:
    """Return a task that calls `ping`, which adds one."""
    return f"{{call: ping, with: {{n: '${{ {n} }}'}}}}"


async def test_branches_run_and_join(platform: LocalPlatform) -> None:
    """All branches of nested forks are called, and the outputs come in the definition's order."""
    inner = f"{{fork: {{branches: [{{x: {ping('.n + 10')}}}, {{y: {ping('.n + 20')}}}]}}}}"
    body = f"""
do:
  - all:
      fork:
        branches:
          - a: {ping(".n")}
          - b: {inner}
          - c: {{wait: {{milliseconds: 300}}}}
  - sum: {{set: {{sum: '${{ [.. | .n? // empty] | add }}'}}}}
"""
    await platform.deploy(flow("all", body))
    run = await platform.run("fork/all", {"n": 1})
    assert (run["status"], run["output"]) == ("completed", {"sum": 2 + 12 + 22 + 1}), run


async def test_a_wide_fork(platform: LocalPlatform) -> None:
    """Hundreds of branches end in one join, each with its own result."""
    branches = "\n".join(f"          - b{i}: {ping(str(i))}" for i in range(200))
    body = f"do:\n  - wide:\n      fork:\n        branches:\n{branches}\n"
    await platform.deploy(flow("wide", body))
    run = await platform.run("fork/wide", {}, wait=60)
    assert [each["n"] for each in run["output"]] == list(range(1, 201)), run["status"]


async def test_the_first_branch_wins(platform: LocalPlatform) -> None:
    """The fork is over with the first completion; nothing of the others is left open."""
    body = f"""
do:
  - race:
      fork:
        compete: true
        branches: [{{slow: {{wait: PT1H}}}}, {{fast: {ping(".n")}}}, {{slower: {{wait: PT2H}}}}]
  - rest: {{wait: PT1S}}
"""
    await platform.deploy(flow("race", body))
    _, run = await platform.api("POST", "/flows/fork/race/runs", json={"n": 1})
    seen: list[set[str]] = []

    async def completed() -> bool:
        _, now = await platform.api("GET", f"/runs/{run['id']}")
        seen.append({each["task"] for each in now["open"]})
        return bool(now["status"] == "completed" and now["output"] == {"n": 2})

    await until(completed, 20, "the race is over")
    assert {"/do/1/rest"} in seen


async def test_a_branch_is_redriven(platform: LocalPlatform) -> None:
    """A branch's uncaught fault is a dead letter about its task; redriven, the fork completes."""
    body = f"""
do:
  - all:
      fork:
        branches:
          - good: {ping(".n")}
          - bad: {{call: ping, with: {{n: '${{ .text }}'}}}}
          - late: {{wait: PT2S}}
"""
    await platform.deploy(flow("mend", body))
    run = await platform.run("fork/mend", {"n": 1, "text": "x"})
    assert run["status"] == "faulted", run
    assert run["error"]["instance"] == "/do/0/all/fork/branches/1/bad"
    letters = (await platform.api("GET", "/deadletters"))[1]["deadletters"]
    [letter] = [each for each in letters if each["run"] == run["id"]]
    assert letter["tool"] == "ping"
    status, _ = await platform.api(
        "POST", f"/deadletters/{letter['id']}/redrive", json={"input": {"n": 41}}
    )
    assert status == 202
    now: dict[str, Any] = {}

    async def completed() -> bool:
        now.update((await platform.api("GET", f"/runs/{run['id']}"))[1])
        return bool(now["status"] == "completed")

    await until(completed, 30, "the redriven run completes")
    assert now["output"][:2] == [{"n": 2}, {"n": 42}]


async def test_a_crash_in_a_fork(platform: LocalPlatform) -> None:
    """Killed while branches run, the platform comes back and joins them."""
    slow = "{do: [{w: {wait: PT1S}}, {p: " + ping(".n") + "}]}"
    body = (
        f"do:\n  - f: {{fork: {{branches: [{{a: {slow}}}, {{b: {slow}}}, {{c: {ping('.n')}}}]}}}}\n"
    )
    await platform.deploy(flow("crash", body))
    runs = [await platform.api("POST", "/flows/fork/crash/runs", json={"n": i}) for i in range(10)]
    await platform.kill()
    await platform.start()

    async def completed() -> bool:
        answers = [await platform.api("GET", f"/runs/{run['id']}") for _, run in runs]
        outputs = [each["output"] for _, each in answers if each["status"] == "completed"]
        return outputs == [[{"n": i + 1}] * 3 for i in range(10)]

    await until(completed, 40, "every run completes")
