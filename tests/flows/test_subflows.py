"""Flows that run other flows, on the real platform."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.local_platform import until

if TYPE_CHECKING:
    from tests.support.local_platform import LocalPlatform


SPEC = os.environ.get("TENDRIL_SPEC")


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


async def test_people_steer_a_family(platform: LocalPlatform) -> None:
    """A parked child parks its parent visibly; suspend, resume and cancel reach it."""
    await platform.deploy(flow("nap", "do: [{w: {wait: PT1H}}]\n"))
    await platform.deploy(flow("middle", f"do: [{{m: {run_of('nap')}}}]\n"))
    alone = run_of("nap", wait=False)
    await platform.deploy(flow("top", f"do: [{{a: {alone}}}, {{t: {run_of('middle')}}}]\n"))
    top = await start(platform, "top", {"n": 1})
    awaited: list[dict[str, Any]] = []

    async def parked() -> bool:
        awaited[:] = [each for each in (await shown(platform, top))["open"] if each["child"]]
        return bool(awaited)

    await until(parked, 20, "the parent shows the run that it awaits")
    [row] = awaited
    assert (row["task"], row["state"], row["due"]) == ("/do/1/t", "awaiting", None)
    assert (row["child"]["flow"], row["child"]["status"]) == ("sub/middle:1.0.0", "waiting")
    middle = row["child"]["run"]
    nap = (await child_of(platform, middle))["id"]

    status, _ = await platform.api("POST", f"/runs/{top}/suspend")
    assert status == 202
    for each in (top, middle, nap):
        await becomes(platform, each, "suspended")
    assert (await shown(platform, middle))["open"][0]["child"]["status"] == "suspended"
    await platform.api("POST", f"/runs/{top}/resume")
    for each in (top, middle, nap):
        await becomes(platform, each, "waiting")
    _, waiting = await platform.api("GET", "/runs?status=waiting&flow=sub/top")
    _, running = await platform.api("GET", "/runs?status=running&flow=sub/top")
    assert {each["id"]: each["status"] for each in waiting["runs"]} == {top: "waiting"}
    assert running["runs"] == []

    await platform.api("POST", f"/runs/{nap}/cancel")
    ended = await becomes(platform, top, "faulted")
    assert (ended["error"]["title"], ended["error"]["instance"]) == ("Run cancelled", "/do/1/t")
    [alone_child] = [each for each in ended["children"] if not each["awaited"]]
    assert alone_child["status"] == "waiting"

    other = await start(platform, "middle", {"n": 2})
    child = await child_of(platform, other)
    status, _ = await platform.api("POST", f"/runs/{other}/cancel")
    assert status == 202
    assert (await shown(platform, child["id"]))["status"] == "cancelled"


async def test_a_family_outlives_a_crash_and_a_fault(platform: LocalPlatform) -> None:
    """Killed anywhere between parents and children, every run ends; a redrive resumes them all."""
    await platform.deploy(flow("leaf", f"do: [{{p: {ping()}}}]\n"))
    await platform.deploy(
        flow("middle", f"do: [{{a: {run_of('leaf')}}}, {{b: {run_of('leaf')}}}]\n")
    )
    await platform.deploy(flow("top", f"do: [{{m: {run_of('middle')}}}]\n"))
    started = [await start(platform, "top", {"n": n}) for n in range(8)]
    await platform.kill()
    await platform.start()
    for n, run_id in enumerate(started):
        run = await becomes(platform, run_id, "completed")
        assert run["output"] == {"n": n + 2}

    bad = await start(platform, "top", {"n": "many"})
    await becomes(platform, bad, "faulted")
    letters = (await platform.api("GET", "/deadletters?status=open"))[1]["deadletters"]
    [letter] = letters
    assert (letter["flow"], letter["task"], letter["tool"]) == (
        "sub/leaf:1.0.0",
        "/do/0/p#1",
        "ping",
    )
    status, answer = await platform.api(
        "POST", f"/deadletters/{letter['id']}/redrive", json={"input": {"n": 41}}
    )
    assert status == 202, answer
    run = await becomes(platform, bad, "completed")
    assert run["output"] == {"n": 43}


@pytest.mark.skipif(SPEC is None, reason="TENDRIL_SPEC names no folder with the specification")
async def test_the_specifications_example(platform: LocalPlatform) -> None:
    """`run-subflow.yaml` runs the flow that it names, with the input that it says."""
    example = (Path(str(SPEC)) / "examples" / "run-subflow.yaml").read_text()
    await platform.deploy(example)
    child = "document: {dsl: 1.0.3, namespace: test, name: register-customer, version: '0.1.0'}\n"
    await platform.deploy(child + "do: [{s: {set: {registered: '${ .customer }'}}}]\n")
    run = await platform.run("test/run-subflow", {"user": "Jo"})
    assert (run["status"], run["output"]) == ("completed", {"registered": ".user"})
