"""Flows that run other flows, on the real platform."""

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


def flow(name: str, body: str, version: str = "1.0.0") -> str:
    """Return a flow's YAML."""
    return f"document: {{dsl: '1.0.3', namespace: sub, name: {name}, version: {version}}}\n{body}"


def ping(n: str = ".n") -> str:
    """Return a task that calls `ping`, which adds one."""
    return f"{{call: ping, with: {{n: '${{ {n} }}'}}}}"


def run_of(name: str, n: str = ".n", *, wait: bool = True, version: str = "latest") -> str:
    """Return a task that runs another flow with a number."""
    asked = f"{{namespace: sub, name: {name}, version: {version}, input: {{n: '${{ {n} }}'}}}}"
    return f"{{run: {{workflow: {asked}, await: {str(wait).lower()}}}}}"


async def shown(platform: LocalPlatform, run_id: str) -> dict[str, Any]:
    """Return a run as the API shows it."""
    status, run = await platform.api("GET", f"/runs/{run_id}")
    assert status == 200, run
    result: dict[str, Any] = run
    return result


async def child_of(platform: LocalPlatform, run_id: str) -> dict[str, Any]:
    """Return the one child of a run, once it has one."""
    found: list[dict[str, Any]] = []

    async def started() -> bool:
        run = await shown(platform, run_id)
        found[:] = run["children"]
        return bool(found)

    await until(started, 20, f"run {run_id} has a child")
    return await shown(platform, found[0]["run"])


async def becomes(platform: LocalPlatform, run_id: str, status: str) -> dict[str, Any]:
    """Return a run once it has a status."""
    now: dict[str, Any] = {}

    async def reached() -> bool:
        now.update(await shown(platform, run_id))
        return bool(now["status"] == status)

    await until(reached, 20, f"run {run_id} is {status}")
    return now


async def start(platform: LocalPlatform, name: str, value: Any) -> str:
    """Start a run and return its id."""
    _, run = await platform.api("POST", f"/flows/sub/{name}/runs", json=value)
    return str(run["id"])


async def test_flows_run_flows(platform: LocalPlatform) -> None:
    """Three levels deep, in a loop and a fork: each is a run of its own, linked to its parent."""
    await platform.deploy(flow("leaf", f"do: [{{p: {ping()}}}]\n"))
    await platform.deploy(flow("middle", f"do: [{{a: {run_of('leaf')}}}, {{b: {ping()}}}]\n"))
    fork = f"{{fork: {{branches: [{{x: {run_of('leaf', '.n * 10')}}}, {{y: {ping()}}}]}}}}"
    loop = f"{{for: {{in: '${{ [range(30)] }}'}}, do: [{{l: {run_of('pure')}}}]}}"
    await platform.deploy(flow("pure", "do: [{s: {set: {n: '${ .n + 1 }'}}}]\n"))
    body = f"do: [{{m: {run_of('middle')}}}, {{l: {loop}}}, {{f: {fork}}}]\n"
    await platform.deploy(flow("top", body))
    run = await platform.run("sub/top", {"n": 1})
    assert (run["status"], run["output"]) == ("completed", [{"n": 331}, {"n": 34}]), run
    children = (await shown(platform, run["id"]))["children"]
    assert len(children) == 32
    middle = await shown(platform, children[0]["run"])
    assert middle["parent"] == {"run": run["id"], "instance": "/do/0/m#1", "awaits": True}
    assert [each["flow"] for each in middle["children"]] == ["sub/leaf:1.0.0"]
