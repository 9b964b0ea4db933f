"""Budgets end to end: the llm and http tools on a platform, and a provider that counts."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import FastAPI, Response

from tests.support.serving import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.local_platform import LocalPlatform

BUDGET = "https://tendril.dev/errors/budget"
ASKING = """
document: {{dsl: '1.0.3', namespace: test, name: {name}, version: '1.0.0',
  metadata: {{tendril: {{budget: {budget}}}}}}}
do:
  - again:
      for: {{each: word, in: .words}}
      do:
        - ask:
            try:
              - llm: {{call: llm, with: {{prompt: '${{ $word }}', max_tokens: 50}}}}
            catch:
              errors: {{with: {{type: '{type}'}}}}
              as: err
              do: [{{say: {{set: {{text: '${{ $err.detail }}'}}}}}}]
            output: {{as: '.text'}}
            export: {{as: '$context + {{said: (($context.said // []) + [.])}}'}}
  - tell: {{set: '${{ $context.said }}'}}
"""
WIDE = """
document: {{dsl: '1.0.3', namespace: test, name: wide, version: '1.0.0'}}
do:
  - all:
      for: {{each: word, in: .words}}
      metadata: {{tendril: {{concurrency: 5, onError: collect}}}}
      do:
        - ask:
            try:
              - llm: {{call: llm, with: {{prompt: '${{ $word }}', max_tokens: 50}}}}
            catch:
              errors: {{with: {{status: 500}}}}
              retry: {{limit: {{attempt: {{count: 2}}}}}}
"""
PARENT = """
document: {dsl: '1.0.3', namespace: test, name: parent, version: '1.0.0',
  metadata: {tendril: {budget: {calls: 2}}}}
do:
  - child:
      run:
        workflow: {namespace: test, name: child, version: '1.0.0', input: {words: [a, b, c]}}
"""
SLOW = """
document: {{dsl: '1.0.3', namespace: test, name: slow, version: '1.0.0',
  metadata: {{tendril: {{budget: {{time: PT1.5S}}}}}}}}
do:
  - wait: {{call: http, with: {{method: get, endpoint: '{url}/slow'}}}}
"""


@dataclass
class Provider:
    """An OpenAI-compatible provider whose every answer takes 30 tokens."""

    url: str = ""
    busy: int = 0
    """How many times it will ask to come back."""
    asked: list[str] = field(default_factory=list)

    @property
    def app(self) -> FastAPI:
        app = FastAPI()

        @app.post("/v1/chat/completions")
        async def complete(body: dict[str, Any], response: Response) -> dict[str, Any]:
            if self.busy:
                self.busy -= 1
                response.status_code = 429
                response.headers["Retry-After"] = "0"
                return {"error": {"message": "later"}}
            self.asked.append(body["messages"][0]["content"])
            message = {"role": "assistant", "content": f"answer {len(self.asked)}"}
            usage = {"prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30}
            return {"choices": [{"message": message}], "usage": usage, "model": "m"}

        @app.get("/slow")
        async def slow() -> None:
            await asyncio.sleep(30)

        return app


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    """Serve it on loopback."""
    made = Provider()
    async with serving(made.app) as made.url:
        yield made


@pytest.fixture
def environment(provider: Provider) -> dict[str, str]:
    """The llm tool asks the provider, at a price."""
    prices = {"input_price": 1000, "output_price": 3000}
    chain = [{"name": "test", "url": f"{provider.url}/v1", **prices}]
    return {"TENDRIL_LLM_PROVIDERS": json.dumps(chain), "TENDRIL_BUDGET_CALLS": "4"}


async def shown(platform: LocalPlatform, run_id: str) -> dict[str, Any]:
    status, run = await platform.api("GET", f"/runs/{run_id}")
    assert status == 200
    budget: dict[str, Any] = run["budget"]
    assert budget["setAside"] == {"calls": 0, "tokens": 0, "cost": 0.0}
    return budget


async def test_a_run_stops_asking_where_its_budget_ends(
    platform: LocalPlatform, provider: Provider
) -> None:
    """What has no room is never asked, the error can be caught, and a retry is charged once.

    The operator's limit holds where the flow's is higher; a child draws on its parent's budget;
    a call that goes on when the time is over is cut short.
    """
    flows = {
        "tokens": "{tokens: 200}",
        "cost": "{cost: 0.35}",
        "calls": "{calls: 9}",
        "child": "{}",
    }
    for name, budget in flows.items():
        await platform.deploy(ASKING.format(name=name, budget=budget, type=BUDGET))
    words = {"words": ["a", "b", "c", "d", "e"]}

    provider.busy = 2
    run = await platform.run("test/tokens", words)
    assert run["status"] == "completed", run
    assert run["output"][0] == "answer 1"
    refused = [said for said in run["output"] if "has no room" in said]
    assert "200 tokens" in refused[0]
    answered = len(provider.asked)
    assert 0 < answered == 5 - len(refused) < 5
    budget_ = await shown(platform, run["id"])
    assert budget_["used"] == {
        "calls": answered,
        "tokens": 30 * answered,
        "cost": round(0.05 * answered, 6),
    }

    run = await platform.run("test/cost", words)
    assert "0.35 cost" in run["output"][-1]
    assert (await shown(platform, run["id"]))["used"]["cost"] <= 0.35

    run = await platform.run("test/calls", words)
    assert [said for said in run["output"] if "has no room" in said] == [run["output"][-1]]
    assert "4 of 4 calls" in run["output"][-1]
    _, told = await platform.api("GET", f"/runs/{run['id']}/history")
    usage = [e["detail"].get("usage", {}) for e in told["history"] if e["kind"] == "task.completed"]
    assert [(each["total_tokens"], each["cost"]) for each in usage if each] == [(30, 0.05)] * 4

    provider.busy = 2
    await platform.deploy(WIDE.format())
    run = await platform.run("test/wide", words)
    errors = [each["error"] for each in run["output"] if "error" in each]
    assert [each["type"] for each in errors] == [BUDGET]
    assert (await shown(platform, run["id"]))["used"]["calls"] == 4

    await platform.deploy(PARENT)
    run = await platform.run("test/parent", {})
    assert [said[:6] for said in run["output"]] == ["answer", "answer", "the bu"]
    assert (await shown(platform, run["id"]))["used"]["calls"] == 2

    await platform.deploy(SLOW.format(url=provider.url))
    run = await platform.run("test/slow", {})
    assert run["status"] == "faulted"
    assert run["error"]["type"] == BUDGET
    assert "ended during the call" in run["error"]["detail"]
