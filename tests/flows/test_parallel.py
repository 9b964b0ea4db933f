"""Loops whose iterations run at the same time, on the real platform."""

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


def flow(name: str, many: int, do: str, error: str = "fail") -> str:
    """Return a flow that goes through its input's items, so many at a time."""
    return f"""
document: {{dsl: '1.0.3', namespace: together, name: {name}, version: '1.0.0'}}
do:
  - each:
      for: {{in: '${{ .items }}'}}
      metadata: {{tendril: {{concurrency: {many}, onError: {error}}}}}
      do:
{do}
"""


PING = "        - ping: {call: ping, with: {n: '${ $item }'}}\n"
NAP = "        - nap: {wait: {milliseconds: 300}}\n"


async def history(platform: LocalPlatform, run: str) -> list[dict[str, Any]]:
    """Return a run's history."""
    _, answer = await platform.api("GET", f"/runs/{run}/history?limit=100000")
    entries: list[dict[str, Any]] = answer["history"]
    return entries


async def test_many_items_a_few_at_a_time(platform: LocalPlatform) -> None:
    """Hundreds of items go through a window of seven, in order, each with its own result."""
    await platform.deploy(flow("many", 7, PING))
    run = await platform.run("together/many", {"items": list(range(300))}, wait=60)
    assert [each["n"] for each in run["output"]] == list(range(1, 301)), run["status"]
    out, most, begun = 0, 0, []
    for entry in await history(platform, run["id"]):
        if entry["kind"] == "task.requested":
            out += 1
            begun.append(int(entry["instance"].rsplit("/", 1)[-1]))
        elif entry["kind"] == "task.completed" and entry["instance"].count("@"):
            out -= 1
        most = max(most, out)
    assert most == 7
    assert begun == sorted(begun)


async def test_errors_are_collected_or_end_the_loop(platform: LocalPlatform) -> None:
    """`collect` gives the error in the item's place; `fail` resumes at the item that failed."""
    await platform.deploy(flow("collect", 2, PING, "collect"))
    run = await platform.run("together/collect", {"items": [1, "x", 3]})
    one, error, three = run["output"]
    assert (one, three) == ({"n": 2}, {"n": 4})
    assert error["error"]["status"] == 400
    await platform.deploy(flow("fail", 2, PING))
    run = await platform.run("together/fail", {"items": [1, 2, "x", 4, 5, 6]})
    assert run["status"] == "faulted"
    letters = (await platform.api("GET", "/deadletters"))[1]["deadletters"]
    [letter] = [each for each in letters if each["run"] == run["id"]]
    status, _ = await platform.api(
        "POST", f"/deadletters/{letter['id']}/redrive", json={"input": {"n": 3}}
    )
    assert status == 202
    now = await platform.ended(run["id"])
    assert now["output"] == [{"n": n} for n in (2, 3, 4, 5, 6, 7)]
    done = [
        each["instance"]
        for each in await history(platform, run["id"])
        if each["kind"] == "task.completed" and "@" in each["instance"]
    ]
    assert len(done) == len(set(done)) == 6, "what was paid for was paid for once"


async def test_suspended_and_killed(platform: LocalPlatform) -> None:
    """A loop stands still while suspended, and a platform killed in its middle takes it up."""
    await platform.deploy(flow("long", 3, NAP + PING))
    items = {"items": list(range(12))}
    _, run = await platform.api("POST", "/flows/together/long/runs", json=items)
    _, other = await platform.api("POST", "/flows/together/long/runs", json=items)
    assert (await platform.api("POST", f"/runs/{other['id']}/suspend"))[0] == 202

    async def under_way() -> bool:
        seen = [each["kind"] for each in await history(platform, run["id"])]
        return seen.count("task.claimed") > 3

    await until(under_way, 20, "some iterations are done")
    await platform.kill()
    await platform.start()
    assert (await platform.api("POST", f"/runs/{other['id']}/resume"))[0] == 202
    for each in (run, other):
        now = await platform.ended(each["id"])
        assert now["output"] == [{"n": n + 1} for n in range(12)]


async def test_cancelled_and_out_of_time(platform: LocalPlatform) -> None:
    """A loop beyond its time closes what it has out; a cancelled one begins nothing more."""
    body = flow("slow", 2, "        - nap: {wait: PT1H}\n").replace(
        "      do:\n", "      timeout: {after: {milliseconds: 200}}\n      do:\n", 1
    )
    await platform.deploy(body)
    run = await platform.run("together/slow", {"items": [1, 2, 3]})
    assert (run["status"], run["error"]["status"]) == ("faulted", 408)
    await platform.deploy(flow("stop", 2, "        - nap: {wait: PT1H}\n"))
    _, run = await platform.api("POST", "/flows/together/stop/runs", json={"items": [1, 2, 3]})
    status, now = await platform.api("POST", f"/runs/{run['id']}/cancel")
    assert (status, now["status"]) == (202, "cancelled")
    kinds = [each["kind"] for each in await history(platform, run["id"])]
    assert kinds.count("task.waiting") == 2
