"""Runs end to end: API, events, faults, dead letters and redrive on a real platform."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.local_platform import until

if TYPE_CHECKING:
    from tests.support.local_platform import LocalPlatform

TWO = """
document: {dsl: '1.0.3', namespace: test, name: two, version: '1.0.0'}
do:
  - a: {call: ping, with: {n: '${ .n }'}}
  - b: {call: pong, with: {n: '${ .n }'}}
"""
ON_EVENT = """
document: {dsl: '1.0.3', namespace: test, name: placed, version: '1.0.0'}
schedule: {on: {one: {with: {type: com.example.order.placed, source: 'https://shop.example'}}}}
do:
  - a: {call: ping, with: {n: '${ .[0].data.n }'}}
  - tell:
      emit:
        event:
          with:
            source: https://shop.example
            type: io.serverlessworkflow.samples.counted.v1
            data: {n: '${ .n }'}
      output: {as: .data}
"""
HEARS = """
document: {dsl: '1.0.3', namespace: test, name: counted, version: '1.0.0'}
schedule: {on: {one: {with: {type: io.serverlessworkflow.samples.counted.v1}}}}
do:
  - b: {call: pong, with: {n: '${ .[0].data.n }'}}
"""
CATCHES = """
document: {dsl: '1.0.3', namespace: test, name: catches, version: '1.0.0'}
do:
  - careful:
      try:
        - a: {call: ping, with: {n: '${ .n }'}}
      catch:
        as: err
        do:
          - say: {set: {status: '${ $err.status }', at: '${ $err.instance }'}}
"""

WRONG_REQUESTS = [
    ("GET", "/runs?limit=0", None, 422, "query.limit"),
    ("GET", "/runs?status=odd", None, 422, "query.status"),
    ("GET", "/runs?flow=two", None, 400, "namespace/name"),
    ("POST", "/deadletters/redrive", {"filter": {}, "dryrun": True}, 422, "body.dryrun"),
    ("GET", "/nothing", None, 404, "GET /nothing"),
    ("DELETE", "/flows", None, 405, "DELETE /flows"),
]


@pytest.fixture
def environment(tools: str) -> dict[str, str]:
    """The trivial tools, and a sweeper that does not let a test wait."""
    return {"TENDRIL_TOOLS": tools, "TENDRIL_REQUEST_GRACE": "1", "TENDRIL_SWEEP_INTERVAL": "0.2"}


def event(number: int, n: Any = 1) -> dict[str, Any]:
    return {
        "specversion": "1.0", "id": f"e{number}", "source": "https://shop.example",
        "type": "com.example.order.placed", "data": {"n": n},
    }  # fmt: skip


async def one_run(platform: LocalPlatform, flow: str) -> dict[str, Any]:
    """Return the only run of a flow once it ended."""
    found: list[dict[str, Any]] = []

    async def ended() -> bool:
        _, answer = await platform.api("GET", f"/runs?flow={flow}")
        found[:] = answer["runs"]
        return bool(found) and found[0]["status"] in {"completed", "faulted", "cancelled"}

    await until(ended, 20, f"a run of {flow} ended")
    assert len(found) == 1, found
    return found[0]


async def test_a_flow_runs_from_tool_to_tool(platform: LocalPlatform) -> None:
    """POST a flow, POST a run, wait: 200 with the output; its history tells every hop."""
    deployed = await platform.deploy(TWO)
    assert (deployed["namespace"], deployed["name"]) == ("test", "two")
    assert (await platform.api("POST", "/flows", data=TWO.encode()))[0] == 200
    run = await platform.run("test/two", {"n": 40})
    assert (run["status"], run["output"]) == ("completed", {"n": 42})
    _, answer = await platform.api("GET", f"/runs/{run['id']}/history")
    claimed = [e["detail"]["cold"] for e in answer["history"] if e["kind"] == "task.claimed"]
    assert claimed == [True, True]
    again = await platform.run("test/two", {"n": 0})
    _, answer = await platform.api("GET", f"/runs/{again['id']}/history")
    claimed = [e["detail"]["cold"] for e in answer["history"] if e["kind"] == "task.claimed"]
    assert claimed == [False, False]


async def test_the_api_says_what_is_wrong(platform: LocalPlatform) -> None:
    """Wrong flows, names, bodies and versions are 4xx problems that name field and remedy."""
    status, answer = await platform.api("POST", "/flows", data=TWO.replace("ping", "pig").encode())
    assert status == 400
    assert answer["errors"][0]["line"] == 4
    assert "ping" in answer["errors"][0]["message"], "a near name is suggested"
    await platform.deploy(TWO)
    other = TWO.replace("${ .n }", "${ .m }").encode()
    status, answer = await platform.api("POST", "/flows", data=other)
    assert (status, "raise document.version" in answer["detail"]) == (409, True)
    assert (await platform.api("POST", "/flows/test/none/runs", json={}))[0] == 404
    assert (await platform.api("POST", "/flows/test/two/runs", data=b"{"))[0] == 400
    assert (await platform.api("POST", "/flows", data=io.BytesIO(b"#" * 9_000_000)))[0] == 413
    assert (await platform.api("GET", "/runs/none"))[0] == 404
    assert (await platform.api("GET", "/deadletters/none"))[0] == 404


async def test_every_error_of_the_api_is_a_problem(platform: LocalPlatform) -> None:
    """Wrong parameters, bodies, paths and methods are RFC 7807, as OpenAPI says, and say what."""
    api = f"{platform.url}/services/flow"
    for method, path, body, status, named in WRONG_REQUESTS:
        async with platform.session.request(method, api + path, json=body) as response:
            answer = await response.json(content_type="application/problem+json")
        assert (response.status, answer["status"]) == (status, status)
        assert named in answer["detail"]
    _, described = await platform.api("GET", "/openapi.json")
    answers = described["paths"]["/runs"]["get"]["responses"]
    assert set(answers) == {"200", "4XX"}
    assert set(answers["4XX"]["content"]) == {"application/problem+json"}


async def test_an_idempotency_key_starts_one_run(platform: LocalPlatform) -> None:
    """The same key is the same run, whoever repeats it and however often."""
    await platform.deploy(TWO)

    async def post() -> str:
        _, answer = await platform.api(
            "POST", "/flows/test/two/runs", json={"n": 1}, headers={"Idempotency-Key": "k"}
        )
        return str(answer["id"])

    assert len(set(await asyncio.gather(*(post() for _ in range(10))))) == 1
    await one_run(platform, "test/two")


async def test_an_event_starts_runs_and_runs_emit_events(platform: LocalPlatform) -> None:
    """An event opens one flow's door, whose own event opens the next; repeats change nothing.

    Its type is of the DSL's namespace, as in the DSL's examples, and yet no lifecycle event.
    """
    await platform.deploy(ON_EVENT)
    await platform.deploy(HEARS)
    assert await platform.publish(event(1)) == 202
    assert await platform.publish(event(1)) == 202
    assert (await one_run(platform, "test/placed"))["output"] == {"n": 2}
    assert (await one_run(platform, "test/counted"))["output"] == {"n": 3}


async def test_an_event_nobody_waits_for_is_kept(platform: LocalPlatform) -> None:
    """What no door matches is listed as unmatched, never lost silently."""
    await platform.deploy(ON_EVENT)
    assert await platform.publish(event(7) | {"source": "https://elsewhere.example"}) == 202

    async def listed() -> bool:
        _, answer = await platform.api("GET", "/unmatched")
        return [e["id"] for e in answer["unmatched"]] == ["e7"]

    await until(listed, 10, "the event is listed as unmatched")


async def test_a_caught_fault_is_no_dead_letter(platform: LocalPlatform) -> None:
    """`catch` handles a tool's error with its task reference; nothing is left to redrive."""
    await platform.deploy(CATCHES)
    run = await platform.run("test/catches", {"n": "many"})
    assert run["output"] == {"status": 400, "at": "/do/0/careful/try/0/a"}
    _, answer = await platform.api("GET", "/deadletters?status=open")
    assert answer["deadletters"] == []


async def test_a_dead_letter_is_redriven_with_a_corrected_input(platform: LocalPlatform) -> None:
    """An uncaught fault is listed; redrive resumes at exactly that task and only once."""
    await platform.deploy(TWO)
    run = await platform.run("test/two", {"n": "many"})
    assert run["status"] == "faulted"
    assert run["error"]["instance"] == "/do/0/a"
    _, answer = await platform.api("GET", "/deadletters")
    [letter] = answer["deadletters"]
    assert (letter["run"], letter["task"], letter["tool"]) == (run["id"], "/do/0/a#1", "ping")
    body = {"filter": {"tool": "ping"}, "dryRun": True}
    _, dry = await platform.api("POST", "/deadletters/redrive", json=body)
    assert (dry["selected"], dry["redriven"]) == ([letter["id"]], [])
    path = f"/deadletters/{letter['id']}/redrive"
    assert (await platform.api("POST", path, json={"input": {"n": 40}}))[0] == 202
    assert (await platform.api("POST", path, json={"input": {"n": 40}}))[0] == 409
    assert (await one_run(platform, "test/two"))["output"] == {"n": 42}


async def test_a_run_is_followed_live(platform: LocalPlatform) -> None:
    """Server-sent events tell the history in order and end with the run; Last-Event-ID resumes."""
    await platform.deploy(TWO)
    run = await platform.run("test/two", {"n": 1}, wait=0)
    url = f"{platform.url}/services/flow/runs/{run['id']}/events"
    async with platform.session.get(url) as response:
        text = await response.text()
    entries = [json.loads(line[5:]) for line in text.splitlines() if line.startswith("data:")]
    assert [e["seq"] for e in entries] == list(range(1, len(entries) + 1))
    assert entries[-1]["kind"] == "run.completed"
    after = {"Last-Event-ID": str(entries[-2]["seq"])}
    async with platform.session.get(url, headers=after) as response:
        rest = await response.text()
    assert rest.count("data:") == 1
    after = {"Last-Event-ID": str(entries[-1]["seq"])}
    async with platform.session.get(url, headers=after) as response:
        assert await asyncio.wait_for(response.text(), 5) == "", "nothing is left to wait for"


async def test_a_restart_resumes_every_run(platform: LocalPlatform) -> None:
    """Killed at any moment and started again on its data, the platform ends what it accepted."""
    await platform.deploy(TWO)
    started = [await platform.run("test/two", {"n": n}, wait=0) for n in range(20)]
    await platform.kill()
    await platform.start()

    async def ended() -> bool:
        _, answer = await platform.api("GET", "/runs?status=completed&limit=100")
        return len(answer["runs"]) == len(started)

    await until(ended, 40, "all runs completed after the restart")


async def test_a_malformed_hop_ends_in_the_dead_letters(platform: LocalPlatform) -> None:
    """An event that only claims to be a hop moves no task and is listed with the reason."""
    await platform.deploy(TWO)
    forged = {
        "specversion": "1.0", "id": "f1", "source": "/flows/test/two",
        "type": "dev.tendril.task.requested.v1", "tool": "ping", "major": "1",
        "subject": "/do/0/a#1", "runid": "nobody", "data": {"n": 1},
    }  # fmt: skip
    assert await platform.publish(forged) == 202

    async def listed() -> bool:
        _, answer = await platform.api("GET", "/deadletters")
        return [each["event"]["id"] for each in answer["deadletters"]] == ["f1"]

    await until(listed, 15, "the forged event is a dead letter")
    _, answer = await platform.api("GET", "/deadletters")
    assert "inputdigest" in answer["deadletters"][0]["reason"]


async def test_a_run_is_suspended_and_resumed(platform: LocalPlatform) -> None:
    """A suspended run ends what its tool is doing and goes no further; resumed, it completes."""
    await platform.deploy(
        "document: {dsl: '1.0.3', namespace: shop, name: held, version: '1.0.0'}\n"
        "do: [{w: {wait: PT1S}}, {p: {call: ping, with: {n: 1}}}]"
    )
    _, run = await platform.api("POST", "/flows/shop/held/runs", json={})
    path = f"/runs/{run['id']}"
    status, held = await platform.api("POST", f"{path}/suspend")
    assert (status, held["status"]) == (202, "suspended")
    _, shown = await platform.api("GET", path)
    [waiting] = shown["open"]
    assert (waiting["task"], waiting["state"]) == ("/do/0/w", "waiting")
    await platform.kill()
    await platform.start()
    status, going = await platform.api("POST", f"{path}/resume")
    assert (status, going["status"]) == (202, "running")

    async def completed() -> bool:
        _, now = await platform.api("GET", path)
        return bool(now["status"] == "completed" and now["output"] == {"n": 2})

    await until(completed, 20, "the run goes on")
    assert (await platform.api("POST", f"{path}/suspend"))[0] == 409
    assert (await platform.api("POST", f"{path}/resume"))[0] == 409
    assert (await platform.api("POST", "/runs/nobody/suspend"))[0] == 404


async def test_a_run_is_cancelled(platform: LocalPlatform) -> None:
    """Cancel ends a run where it stands, again changes nothing; an ended run is a 409."""
    await platform.deploy(TWO)
    done = await platform.run("test/two", {"n": 1})
    assert (await platform.api("POST", f"/runs/{done['id']}/cancel"))[0] == 409
    services = await platform.services()
    os.kill(services["ping"]["pid"], signal.SIGSTOP)  # nothing can answer the task meanwhile
    run = await platform.run("test/two", {"n": 1}, wait=0)
    for _ in range(2):
        status, answer = await platform.api("POST", f"/runs/{run['id']}/cancel")
        assert (status, answer["status"]) == (202, "cancelled")
    os.kill(services["ping"]["pid"], signal.SIGCONT)
    assert (await platform.run("test/two", {"n": 1}))["status"] == "completed"
    _, still = await platform.api("GET", f"/runs/{run['id']}")
    assert (still["status"], still["output"]) == ("cancelled", None)
