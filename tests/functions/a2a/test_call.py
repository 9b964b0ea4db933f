"""A2A calls to a real agent of both revisions, and to servers that go wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from events.errors import ErrorType, RetryableError, ToolError
from functions.a2a.handler import handle
from functions.a2a.models import In
from functions.host.egress import EgressPolicy, EgressRefused, session

if TYPE_CHECKING:
    from functions.host.context import Context


async def call(context: Context, method: str, parameters: Any = None, **where: Any) -> Any:
    """Call and return the task's output as the host records it."""
    request = In.model_validate({"method": method, "parameters": parameters or {}, **where})
    result = await handle(request, context)
    return result.model_dump(mode="json", by_alias=True, exclude_none=True)


def told(text: str) -> dict[str, Any]:
    """Return the parameters that tell an agent of 0.3 something."""
    return {"message": {"parts": [{"kind": "text", "text": text}]}}


async def test_a_message_is_sent(agent: Any, context: Context) -> None:
    """The output is the JSON-RPC result; the message has its role, and one id at each attempt."""
    card = {"agentCard": {"endpoint": {"uri": agent.card}}}
    part = {"text": "write"} if agent.version == "1.0" else {"kind": "text", "text": "write"}
    for _ in range(2):
        result = await call(context, "message/send", {"message": {"parts": [part]}}, **card)
        assert ("task" in result) is (agent.version == "1.0")  # each revision has its own shape
        task = result.get("task", result)
        assert task["status"]["message"]["parts"][0]["text"] == "done: write"
    assert len({message.message_id for message in agent.writer.messages}) == 1


async def test_an_agent_is_called_by_its_address(agent: Any, context: Context) -> None:
    """Without a card the agent's own URI is called, as A2A 0.3 has it."""
    task = await call(context, "message/send", told("write"), server=f"{agent.url}/")
    assert (task["kind"], task["status"]["state"]) == ("task", "completed")
    again = await call(context, "tasks/get", {"id": task["id"]}, server={"uri": f"{agent.url}/"})
    assert again["id"] == task["id"]


async def test_a_stream_is_a_list(agent: Any, context: Context) -> None:
    """Every result that the agent streams is in the output, in order."""
    results = await call(context, "message/stream", told("write"), server=f"{agent.url}/")
    assert results[0]["kind"] == "task"
    assert results[-1]["status"]["state"] == "completed"


async def test_an_agents_errors_are_of_type_runtime(agent: Any, context: Context) -> None:
    """A JSON-RPC error is terminal, with its code and what the agent said."""
    with pytest.raises(ToolError, match=r"tasks/get at .* answered error -32001: ") as caught:
        await call(context, "tasks/get", {"id": "none"}, server=f"{agent.url}/")
    assert not isinstance(caught.value, RetryableError)
    assert caught.value.problem.type == ErrorType.RUNTIME


async def test_the_request_is_json_rpc(script: Any, context: Context) -> None:
    """The task's key is the request's id and header; what the flow says of the message stays."""
    script.body = '{"jsonrpc": "2.0", "id": "x", "result": null}'
    given = {"message": {"messageId": "mine", "role": "agent", "parts": []}, "metadata": {}}
    await call(context, "message/send", given, server=script.url)
    headers, body = script.seen[0]
    assert headers["Idempotency-Key"] == "key-of-the-task"
    sent = json.loads(body)
    assert (sent["id"], sent["method"]) == ("key-of-the-task", "message/send")
    assert sent["params"]["message"] == given["message"] | {"kind": "message"}


@pytest.mark.parametrize("status", [429, 503])
async def test_passing_statuses_are_retryable(script: Any, context: Context, status: int) -> None:
    """What another attempt may mend waits as long as Retry-After says."""
    script.status = status
    with pytest.raises(RetryableError) as caught:
        await call(context, "tasks/list", server=script.url)
    assert caught.value.retry_after == 7.0


@pytest.mark.parametrize(
    ("media", "body"),
    [
        ("application/json", "{}"),
        ("text/html", "<p>hello</p>"),
        ("text/event-stream", ""),
        ("text/event-stream", "data: [1]\n\n"),
    ],
)
async def test_an_answer_that_is_none_is_told(
    script: Any, context: Context, media: str, body: str
) -> None:
    """What is no JSON-RPC is an error of type communication, for streams as well."""
    script.media, script.body = media, body
    for method in ("tasks/list", "tasks/resubscribe"):
        with pytest.raises(ToolError, match="answered what is no JSON-RPC") as caught:
            await call(context, method, server=script.url)
        assert caught.value.problem.type == ErrorType.COMMUNICATION


async def test_an_error_within_a_stream_is_one(script: Any, context: Context) -> None:
    """A stream that ends with an error is an error, whatever came before."""
    script.media = "text/event-stream"
    script.body = (
        'event: x\r\ndata: {"result":\r\ndata: 1}\r\n\r\n: ping\r\n\r\n'
        'data: {"error": {"code": -1, "message": "no more"}}\r\n\r\n'
    )
    with pytest.raises(ToolError, match="error -1: no more"):
        await call(context, "tasks/resubscribe", server=script.url)
    script.body = script.body.partition(": ping")[0]
    assert await call(context, "tasks/resubscribe", server=script.url) == [1]


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ("<p>", "it is no JSON object"),
        ("[]", "it is no JSON object"),
        ("{}", "does not speak JSON-RPC"),
        ('{"url": "http://a.test", "preferredTransport": "GRPC"}', "does not speak JSON-RPC"),
        ('{"url": "ftp://a.test"}', "does not speak JSON-RPC over HTTP"),
    ],
)
async def test_a_card_that_is_none_is_told(
    script: Any, context: Context, card: str, message: str
) -> None:
    """It is an error of type configuration."""
    script.body = card
    with pytest.raises(ToolError, match=message) as caught:
        await call(context, "tasks/list", agentCard={"endpoint": script.url})
    assert caught.value.problem.type == ErrorType.CONFIGURATION


async def test_a_message_is_needed(script: Any, context: Context) -> None:
    """A message to send that is missing is a validation error, and nothing is sent."""
    with pytest.raises(ToolError, match="need 'message'") as caught:
        await call(context, "message/send", {"text": "x"}, server=script.url)
    assert caught.value.problem.type == ErrorType.VALIDATION
    assert script.seen == []


async def test_limits_and_egress_hold(
    script: Any, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long answer is cut, and a private address is not reached without leave."""
    monkeypatch.setenv("TENDRIL_A2A_MAX_BYTES", "100")
    script.body = "x" * 200
    with pytest.raises(ToolError, match="TENDRIL_A2A_MAX_BYTES"):
        await call(context, "tasks/list", server=script.url)
    async with session(EgressPolicy()) as http:
        with pytest.raises(EgressRefused):
            await call(replace(context, http=http), "tasks/list", server=script.url)


@pytest.mark.parametrize("change", [{"server": None}, {"method": "tasks/run"}, {"agentCard": {}}])
def test_wrong_input_is_refused(change: Any) -> None:
    """What no request can be made of is refused by the model."""
    right = {"method": "tasks/list", "server": "http://a.test"}
    assert In.model_validate(right)
    with pytest.raises(ValidationError):
        In.model_validate({**right, **change})


async def test_an_agent_is_told_who_calls(script: Any, context: Context) -> None:
    """The server's policy holds for it; a card's for the card, and the agent where it lies."""
    script.body = json.dumps({"jsonrpc": "2.0", "id": "1", "result": []})
    where = {"uri": script.url, "authentication": {"bearer": {"token": "s"}}}
    await call(context, "tasks/list", server=where)
    assert script.seen[-1][0]["Authorization"] == "Bearer s"
    script.body = json.dumps({"url": f"{script.url}/a", "jsonrpc": "2.0", "id": "1", "result": []})
    card = {"endpoint": {"uri": script.url, "authentication": {"bearer": {"token": "c"}}}}
    await call(context, "tasks/list", agentCard=card)
    assert [each[0]["Authorization"] for each in script.seen[-2:]] == ["Bearer c"] * 2
    elsewhere = script.url.replace("127.0.0.1", "localhost")
    script.body = script.body.replace(script.url, elsewhere)
    card["endpoint"] = {"uri": f"{script.url}/2", "authentication": {"bearer": {"token": "c"}}}
    async with session(EgressPolicy.parse("127.0.0.0/8,::1")) as http:
        await call(replace(context, http=http), "tasks/list", agentCard=card)
    assert [each[0].get("Authorization") for each in script.seen[-2:]] == ["Bearer c", None]
