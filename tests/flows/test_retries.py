"""What a provider cannot do now is done later: by a ledger's timer, and not for ever."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from tests.support.local_platform import until
from tests.support.serving import answering

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.local_platform import LocalPlatform

ASK = """
document: {dsl: '1.0.3', namespace: test, name: ask, version: '1.0.0'}
do:
  - ask: {call: llm, with: {prompt: 'How are you?'}, output: {as: .text}}
"""
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@dataclass
class Provider:
    """An OpenAI-compatible server that refuses the first questions."""

    refusals: int = 1
    status: int = 429
    headers: dict[str, str] = field(default_factory=lambda: {"Retry-After": "1"})
    asked: list[tuple[float, str]] = field(default_factory=list)
    """When, and under which idempotency key."""
    url: str = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append((time.time(), request.headers["Idempotency-Key"]))
        if len(self.asked) <= self.refusals:
            return web.json_response({}, status=self.status, headers=self.headers)
        choice = {"index": 0, "finish_reason": "stop", "message": {"content": "well"}}
        return web.json_response({"model": "m", "choices": [choice]})


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    """A provider on loopback."""
    made = Provider()
    async with answering(made.answer) as url:
        made.url = f"{url}/v1"
        yield made


@pytest.fixture
def environment(provider: Provider) -> dict[str, str]:
    """The llm tool asks the provider; the platform tries a task three times, soon."""
    return {
        "TENDRIL_LLM_PROVIDERS": json.dumps([{"name": "only", "url": provider.url}]),
        "TENDRIL_RETRY_ATTEMPTS": "3",
        "TENDRIL_RETRY_DELAY": "0.1",
        "TENDRIL_SWEEP_INTERVAL": "0.1",
    }


async def history(platform: LocalPlatform, run: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a run's history."""
    _, answer = await platform.api("GET", f"/runs/{run['id']}/history")
    entries: list[dict[str, Any]] = answer["history"]
    return entries


async def test_a_busy_provider_is_asked_again_when_it_says(
    platform: LocalPlatform, provider: Provider
) -> None:
    """A 429 waits for its Retry-After as a timer of the ledger; the key stays the same."""
    await platform.deploy(ASK)
    run = await platform.run("test/ask")
    assert (run["status"], run["output"]) == ("completed", "well")
    (first, key), (second, again) = provider.asked
    assert second - first >= 1
    assert key == again
    kinds = [(e["kind"], e["detail"].get("attempt")) for e in await history(platform, run)]
    of_task = [(kind, attempt) for kind, attempt in kinds if kind.startswith("task.")]
    assert [kind for kind, _ in of_task if kind in {"task.claimed", "task.retrying"}] == [
        "task.claimed",
        "task.retrying",
        "task.claimed",
    ]
    assert of_task[-1] == ("task.completed", 2)


async def test_a_provider_that_never_recovers_is_a_dead_letter(
    platform: LocalPlatform, provider: Provider
) -> None:
    """After the policy's last attempt the task faults; a bulk redrive goes on once all is well."""
    provider.refusals, provider.status, provider.headers = 3, 503, {}
    await platform.deploy(ASK)
    run = await platform.run("test/ask")
    assert run["status"] == "faulted"
    assert (run["error"]["status"], run["error"]["instance"]) == (503, "/do/0/ask")
    assert "only answered 503" in run["error"]["detail"]
    assert len(provider.asked) == 3
    _, answer = await platform.api("GET", "/deadletters?status=open")
    [letter] = answer["deadletters"]
    body = {"filter": {"flow": "test/ask", "tool": "llm", "reason": "503"}}
    _, answer = await platform.api("POST", "/deadletters/redrive", json=body)
    assert answer == {"selected": [letter["id"]], "redriven": [letter["id"]], "refused": []}

    async def completed() -> bool:
        _, now = await platform.api("GET", f"/runs/{run['id']}")
        return bool(now["output"] == "well")

    await until(completed, 20, "the redriven run completed")
    assert len({key for _, key in provider.asked}) == 1


async def test_a_tools_log_names_run_task_and_trace(
    platform: LocalPlatform, tmp_path: Path
) -> None:
    """Each line of a real process is JSON; one about a task carries its run, task and trace."""
    await platform.deploy(ASK)
    _, run = await platform.api(
        "POST",
        "/flows/test/ask/runs",
        json={},
        headers={"Prefer": "wait=30", "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"},
    )
    assert run["status"] == "completed"
    lines = (tmp_path / "data" / "logs" / "llm.log").read_text("utf-8").splitlines()
    entries = [json.loads(line) for line in lines if line]
    assert {entry["service"] for entry in entries} == {"llm"}
    about = [entry for entry in entries if "busy" in entry["message"]]
    assert [(e["run"], e["task"], e["trace"]) for e in about] == [(run["id"], "/do/0/ask#1", TRACE)]
