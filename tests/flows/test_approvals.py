"""Approvals on the real platform: people are asked and answer over HTTP, wherever the task is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from events.vocabulary import approval_id
from tests.flows.test_listens import event, flow
from tests.support.local_platform import until

if TYPE_CHECKING:
    from tests.support.local_platform import LocalPlatform

Json = Any


@pytest.fixture
def environment(tools: str) -> dict[str, str]:
    """The platform knows the trivial tools."""
    return {"TENDRIL_TOOLS": tools}


def asks(form: str, more: str = "") -> str:
    """Return a task that asks people."""
    return (
        "approve: {listen: {to: {one: {with: {type: decided}}}}, "
        f"metadata: {{tendril: {{form: {form}}}}}{more}}}"
    )


FORM = """{
  title: '${ "Pay " + (.amount | tostring) + "?" }', data: '${ . }',
  assignees: ['${ .boss }', board],
  schema: {type: object, required: [ok], properties: {ok: {type: boolean}}}}"""


async def open_ones(platform: LocalPlatform, run: str, number: int = 1, **query: str) -> list[Json]:
    """Wait until so many approvals are open below a run, and return them."""
    found: list[Json] = []

    async def asked() -> bool:
        params = {"run": run, **query}
        _, answer = await platform.api("GET", "/approvals", params=params)
        found[:] = answer["approvals"]
        return len(found) == number

    await until(asked, 20, f"{number} approvals of run {run} are open")
    return found


async def answered(
    platform: LocalPlatform, approval: str, answer: Json, by: str | None = None, **more: Json
) -> tuple[int, Json]:
    """Answer an approval; return the status and what is said."""
    body = {"answer": answer, **({"by": by} if by else {}), **more}
    return await platform.api("POST", f"/approvals/{approval}", json=body)


async def test_a_person_is_asked_and_answers(platform: LocalPlatform) -> None:
    """Who may answer sees what it is about; what they say is checked, and taken once."""
    await platform.deploy(flow("pay", f"do:\n  - {asks(FORM)}\n"))
    run = await platform.begin("ear/pay", {"amount": 7, "boss": "ann"})
    [asked] = await open_ones(platform, run)
    assert (asked["title"], asked["data"]["amount"]) == ("Pay 7?", 7)
    assert (asked["assignees"], asked["state"], asked["due"]) == (["ann", "board"], "open", None)
    _, mine = await platform.api("GET", "/approvals", params={"assignee": "ann"})
    _, others = await platform.api("GET", "/approvals", params={"assignee": "tom"})
    _, after = await platform.api("GET", "/approvals", params={"after": asked["id"], "run": run})
    assert after["approvals"] == []
    assert ([each["id"] for each in mine["approvals"]], others["approvals"]) == ([asked["id"]], [])

    for attempt in ("/approvals", "/flows/ear/pay"):
        forged = event("decided", answer={"ok": True}) | {"source": attempt, "id": asked["id"]}
        assert await platform.publish(forged) == 202
    status, said = await answered(platform, asked["id"], {"ok": "yes"}, "ann")
    assert (status, said["pointer"]) == (422, "/answer/ok"), said
    status, said = await answered(platform, asked["id"], {"ok": True}, "tom")
    assert (status, "for ann, board" in said["detail"]) == (403, True)
    _, shown = await platform.api("GET", f"/runs/{run}")
    assert (shown["status"], shown["approvals"][0]["id"]) == ("waiting", asked["id"])

    status, said = await answered(platform, asked["id"], {"ok": True}, "tom", groups=["board"])
    assert (status, said["state"], said["by"]) == (200, "answered", "tom")
    over = await platform.ended(run)
    assert over["output"] == [{"answer": {"ok": True}, "by": "tom", "at": said["at"]}]
    again = await answered(platform, asked["id"], {"ok": True}, "tom")
    assert again == (200, said)
    status, said = await answered(platform, asked["id"], {"ok": False}, "ann")
    assert (status, "by tom" in said["detail"]) == (409, True)
    status, _ = await answered(platform, f"{run}.bm9wZQ", {"ok": True})
    assert status == 404


async def test_a_loop_and_a_fork_ask(platform: LocalPlatform) -> None:
    """Each visit and each branch is an approval of its own, and they are answered in any order."""
    ask = asks("{title: '${ $item }'}", ", output: {as: '.[0].answer'}")
    other = asks("{title: other}", ", output: {as: '.[0].answer'}")
    text = f"""
do:
  - both:
      fork:
        branches:
          - loop: {{for: {{in: '${{ ["one", "two"] }}'}}, do: [{{{ask}}}]}}
          - alone: {{do: [{{{other}}}]}}
"""
    await platform.deploy(flow("many", text))
    run = await platform.begin("ear/many", {})
    seen = {each["title"]: each["id"] for each in await open_ones(platform, run, 2)}
    assert set(seen) == {"one", "other"}
    assert (await answered(platform, seen["one"], 1))[0] == 200
    seen |= {each["title"]: each["id"] for each in await open_ones(platform, run, 2)}
    assert (await answered(platform, seen["two"], 2))[0] == 200
    await open_ones(platform, run, 1)
    assert (await answered(platform, seen["other"], "three"))[0] == 200
    assert (await platform.ended(run))["output"] == [2, "three"]


async def test_a_subflow_parks_its_parent_visibly(platform: LocalPlatform) -> None:
    """Who looks at the parent sees what it waits for; a suspended one keeps the answer."""
    await platform.deploy(flow("below", f"do:\n  - {asks('{title: below}')}\n"))
    await platform.deploy(
        flow(
            "above",
            "do:\n  - go: {run: {workflow: {namespace: ear, name: below, version: '1.0.0'}}}\n",
        )
    )
    run = await platform.begin("ear/above", {})
    [asked] = await open_ones(platform, run)
    assert asked["run"] != run
    for path in ("/runs", f"/runs/{run}"):
        _, shown = await platform.api("GET", path)
        views = shown.get("runs", [shown])
        assert {view["id"]: view["approvals"][0]["title"] for view in views}[run] == "below"
    _, traced = await platform.api("GET", f"/runs/{run}/trace")
    assert traced["run"]["approvals"][0]["id"] == asked["id"]
    assert (await platform.api("POST", f"/runs/{run}/suspend"))[0] == 202
    status, said = await answered(platform, asked["id"], "yes")
    assert (status, said["suspended"], said["answer"]) == (200, True, "yes")
    assert (await platform.api("POST", f"/runs/{run}/resume"))[0] == 202
    assert (await platform.ended(run))["output"][0]["answer"] == "yes"
    _, last = await platform.api("GET", f"/runs/{run}")
    assert last["approvals"] == []


async def test_others_are_asked_and_time_runs_out(platform: LocalPlatform) -> None:
    """From a step on its assignees are asked alone; a task that times out takes no answer."""
    form = """{assignees: [ann], escalation: [
        {after: PT0.3S, assignees: [tom]}, {after: PT0.6S, assignees: '${ .last }'}]}"""
    text = f"do:\n  - {asks(form, ', timeout: {after: PT5S}')}\n"
    await platform.deploy(flow("slow", text))
    run = await platform.begin("ear/slow", {"last": ["eve", "sam"]})
    [asked] = await open_ones(platform, run, assignee="eve")
    assert (asked["assignees"], asked["escalated"]) == (["eve", "sam"], 2)
    assert asked["due"] is not None
    assert (await answered(platform, asked["id"], 1, "ann"))[0] == 403
    _, told = await platform.api("GET", f"/runs/{run}/history")
    steps = [each["detail"] for each in told["history"] if each["kind"] == "task.escalated"]
    assert [each["assignees"] for each in steps] == [["tom"], ["eve", "sam"]]
    over = await platform.ended(run)
    assert (over["status"], over["error"]["status"]) == ("faulted", 408)
    status, said = await answered(platform, asked["id"], 1, "eve")
    assert (status, "faulted" in said["detail"]) == (409, True)


async def test_a_newer_version_does_not_ask_again(platform: LocalPlatform) -> None:
    """An answer is taken over as a result is, where people would be shown the same."""
    limit = ", timeout: {after: PT1H}"
    first = asks("{title: '${ .what }', assignees: [ann]}", limit)
    second = asks("{title: TITLE}", ", output: {as: '.[0].answer'}").replace("approve", "more")
    text = "do:\n  - ASK\n  - MORE\n  - last: {call: pong, with: {n: LAST}}\n"
    text = text.replace("ASK", first).replace("MORE", second)
    broken = text.replace("TITLE", "one").replace("LAST", "'${ \"x\" }'")
    await platform.deploy(flow("again", broken))
    run = await platform.begin("ear/again", {"what": "Pay?"})
    for number in range(2):
        [asked] = await open_ones(platform, run)
        assert (await answered(platform, asked["id"], number, "ann"))[0] == 200
    assert (await platform.ended(run))["status"] == "faulted"
    mended = flow("again", text.replace("TITLE", "two").replace("LAST", "'${ . }'"))
    await platform.deploy(mended.replace("version: '1.0.0'", "version: '1.1.0'"))
    _, letters = await platform.api("GET", "/deadletters?status=open")
    [letter] = [each for each in letters["deadletters"] if each["run"] == run]
    path = f"/deadletters/{letter['id']}/redrive"
    status, begun = await platform.api("POST", path, json={"flowVersion": "1.1.0"})
    assert status == 202, begun
    [asked] = await open_ones(platform, begun["run"])
    assert asked["title"] == "two", "what was changed is asked again, and nothing else"
    taken = approval_id(begun["run"], "/do/0/approve#1")
    _, shown = await platform.api("GET", f"/approvals/{taken}")
    assert (shown["state"], shown["answer"], shown["by"]) == ("answered", 0, "ann")
    assert (await answered(platform, asked["id"], 7))[0] == 200
    assert (await platform.ended(begun["run"]))["output"] == {"n": 8}
