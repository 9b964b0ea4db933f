"""MCP calls to a real server: every method, both transports, errors, limits."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from events.errors import ErrorType, RetryableError, ToolError
from functions.host.egress import EgressPolicy, EgressRefused, session
from functions.mcp.handler import handle
from functions.mcp.models import In

if TYPE_CHECKING:
    from functions.host.context import Context

SERVER = str(Path(__file__).parent / "server.py")


async def call(
    context: Context, where: Any, method: str, parameters: Any = None, **members: Any
) -> Any:
    """Call and return the task's output as the host records it."""
    transport = where if isinstance(where, dict) else {"http": {"endpoint": where}}
    request = In.model_validate(
        {"method": method, "parameters": parameters or {}, "transport": transport, **members}
    )
    result = await handle(request, context)
    return result.model_dump(mode="json", by_alias=True, exclude_none=True)


def stdio(*arguments: str, **environment: str) -> dict[str, Any]:
    """Return the transport that starts the server beside this file."""
    command = {"command": sys.executable, "arguments": [SERVER, *arguments]}
    return {"stdio": {**command, "environment": environment}}


async def test_a_tool_is_called(notes: Any, context: Context) -> None:
    """The output is the JSON-RPC result; the call carries the task's idempotency key twice."""
    given = {"name": "add", "arguments": {"a": 1, "b": 2}}
    result = await call(context, notes.url, "tools/call", given)
    assert result["content"] == [{"type": "text", "text": "3"}]
    assert result["structuredContent"] == {"result": 3}
    assert notes.metas[0]["tendril.dev/idempotency-key"] == "key-of-the-task"
    assert {headers["idempotency-key"] for headers in notes.seen} == {"key-of-the-task"}


async def test_lists_prompts_and_resources(notes: Any, context: Context) -> None:
    """Every method of the DSL gives what the server has."""
    url = {"http": {"endpoint": {"uri": notes.url}}}
    tools = (await call(context, url, "tools/list"))["tools"]
    assert {tool["name"] for tool in tools} == {"add", "fail", "hang", "much"}
    assert tools[0]["inputSchema"]["required"] == ["a", "b"]
    assert [p["name"] for p in (await call(context, url, "prompts/list"))["prompts"]] == ["greet"]
    given = {"name": "greet", "arguments": {"name": "Ada"}}
    prompt = await call(context, url, "prompts/get", given)
    assert prompt["messages"][0]["content"]["text"] == "Say hello to Ada."
    resources = (await call(context, url, "resources/list"))["resources"]
    assert [each["uri"] for each in resources] == ["notes://today"]
    read = await call(context, url, "resources/read", {"uri": "notes://monday/note"})
    assert read["contents"][0]["text"] == "note of monday"
    templates = await call(context, url, "resources/templates/list")
    assert templates["resourceTemplates"][0]["uriTemplate"] == "notes://{day}/note"


async def test_the_session_is_begun_as_asked(notes: Any, context: Context) -> None:
    """`initialize` comes first, with the revision, the client and the headers of the call."""
    transport = {"http": {"endpoint": notes.url, "headers": {"X-Team": "a"}}}
    client = {"name": "mine", "version": "2.0"}
    await call(context, transport, "tools/list", protocolVersion="2025-03-26", client=client)
    first = json.loads(notes.messages[0])
    assert first["method"] == "initialize"
    assert first["params"]["protocolVersion"] == "2025-03-26"
    assert first["params"]["clientInfo"] == client
    methods = [json.loads(each)["method"] for each in notes.messages]
    assert methods == ["initialize", "notifications/initialized", "tools/list"]
    assert {headers["x-team"] for headers in notes.seen} == {"a"}


async def test_the_dsls_revision_is_the_default(notes: Any, context: Context) -> None:
    """Without `protocolVersion`, 2025-06-18 is asked for."""
    await call(context, notes.url, "tools/list")
    assert json.loads(notes.messages[0])["params"]["protocolVersion"] == "2025-06-18"


@pytest.mark.parametrize(
    ("method", "parameters", "message"),
    [
        (
            "tools/call",
            {"name": "fail", "arguments": {"reason": "no ink"}},
            "'fail' failed: .*no ink",
        ),
        ("tools/call", {"name": "nobody"}, "nobody"),
        ("prompts/get", {"name": "nobody"}, "prompts/get of nobody at .* answered with error"),
        ("resources/read", {"uri": "notes://x"}, "resources/read of notes://x at"),
    ],
)
async def test_a_servers_errors_are_of_type_runtime(
    notes: Any, context: Context, method: str, parameters: Any, message: str
) -> None:
    """A JSON-RPC error and a tool's own failure are terminal, with what the server said."""
    with pytest.raises(ToolError, match=message) as caught:
        await call(context, notes.url, method, parameters)
    assert not isinstance(caught.value, RetryableError)
    assert caught.value.problem.type == ErrorType.RUNTIME


@pytest.mark.parametrize("status", [429, 502, 503])
async def test_passing_statuses_are_retryable(notes: Any, context: Context, status: int) -> None:
    """What another attempt may mend waits as long as Retry-After says."""
    notes.status = status
    with pytest.raises(RetryableError, match=f"answered {status}: not now") as caught:
        await call(context, notes.url, "tools/list")
    assert caught.value.retry_after == 7.0


@pytest.mark.parametrize("status", [400, 401, 404, 500])
async def test_other_statuses_are_terminal(notes: Any, context: Context, status: int) -> None:
    """They are of type communication with their status."""
    notes.status = status
    with pytest.raises(ToolError, match=f"answered {status}: not now") as caught:
        await call(context, notes.url, "tools/list")
    assert not isinstance(caught.value, RetryableError)
    assert caught.value.problem.type == ErrorType.COMMUNICATION
    assert caught.value.problem.status == status


async def test_nobody_listening_is_retryable(context: Context) -> None:
    """A refused connection may be made later."""
    with pytest.raises(RetryableError) as caught:
        await call(context, "http://127.0.0.1:1/mcp", "tools/list")
    assert caught.value.problem.type == ErrorType.COMMUNICATION


@pytest.mark.parametrize("given", ["PT0.3S", {"milliseconds": 300}])
async def test_a_call_has_its_time(notes: Any, context: Context, given: Any) -> None:
    """A server that does not answer within `timeout` is an error of type timeout."""
    with pytest.raises(ToolError, match=r"not answered within 0\.3 s") as caught:
        await call(context, notes.url, "tools/call", {"name": "hang"}, timeout=given)
    assert caught.value.problem.type == ErrorType.TIMEOUT


async def test_the_operators_time_counts_otherwise(
    notes: Any, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without `timeout` the setting counts, and the error names it."""
    monkeypatch.setenv("TENDRIL_MCP_TIMEOUT", "0.3")
    with pytest.raises(ToolError, match="TENDRIL_MCP_TIMEOUT"):
        await call(context, notes.url, "tools/call", {"name": "hang"})


async def test_a_long_answer_is_cut(
    notes: Any, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer over the limit is an error with the setting's name."""
    monkeypatch.setenv("TENDRIL_MCP_MAX_BYTES", "20000")
    given = {"name": "much", "arguments": {"size": 100}}
    assert await call(context, notes.url, "tools/call", given)
    given = {"name": "much", "arguments": {"size": 100_000}}
    with pytest.raises(ToolError, match="TENDRIL_MCP_MAX_BYTES"):
        await call(context, notes.url, "tools/call", given)


async def test_the_egress_policy_holds(notes: Any, context: Context) -> None:
    """Without the operator's leave no loopback server is reached."""
    async with session(EgressPolicy()) as http:
        with pytest.raises(EgressRefused):
            await call(replace(context, http=http), notes.url, "tools/list")
    assert notes.seen == []


async def test_the_hosts_client_stays_open(notes: Any, context: Context) -> None:
    """One client serves many calls."""
    for _ in range(3):
        await call(context, notes.url, "tools/list")
    assert not context.http.closed


@pytest.mark.parametrize("allowed", ["", "npx, uvx"])
async def test_no_process_is_started_unless_allowed(
    context: Context, monkeypatch: pytest.MonkeyPatch, allowed: str
) -> None:
    """A command that the operator did not name is refused before anything starts."""
    monkeypatch.setenv("TENDRIL_MCP_STDIO", allowed)
    with pytest.raises(ToolError, match="TENDRIL_MCP_STDIO") as caught:
        await call(context, stdio(), "tools/list")
    assert caught.value.problem.type == ErrorType.AUTHORIZATION


@pytest.mark.parametrize("allowed", [f"npx, {sys.executable}", "*"])
async def test_an_allowed_process_is_started_for_the_call(
    context: Context, monkeypatch: pytest.MonkeyPatch, allowed: str
) -> None:
    """It gets its arguments and its environment, and nothing of the platform's."""
    monkeypatch.setenv("TENDRIL_MCP_STDIO", allowed)
    monkeypatch.setenv("TENDRIL_SECRET", "hidden")
    result = await call(context, stdio("-v", GREETING="hi"), "tools/call", {"name": "told"})
    assert result["structuredContent"]["result"] == ["-v", "hi", ""]


@pytest.mark.parametrize(
    ("command", "error"),
    [("/no/such/program", ErrorType.CONFIGURATION), ("true", ErrorType.RUNTIME)],
)
async def test_a_process_that_is_no_server_is_told(
    context: Context, monkeypatch: pytest.MonkeyPatch, command: str, error: ErrorType
) -> None:
    """A command that cannot be started, or ends at once, is an error that names it."""
    monkeypatch.setenv("TENDRIL_MCP_STDIO", "*")
    with pytest.raises(ToolError, match=f"tools/list at {command}") as caught:
        await call(context, {"stdio": {"command": command}}, "tools/list")
    assert caught.value.problem.type == error


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "tools/run"}, "tools/list"),
        ({"method": "tools/call"}, "needs the parameter 'name'"),
        ({"method": "resources/read", "parameters": {"uri": 3}}, "needs the parameter 'uri'"),
        ({"transport": {}}, "either 'http' or 'stdio'"),
        ({"transport": {"websocket": {}}}, "websocket"),
        ({"timeout": "soon"}, "expected a duration such as PT30S"),
        ({"timeout": "P1M"}, "expected a duration such as PT30S"),
        ({"timeout": {"fortnights": 1}}, "no duration"),
        ({"timeout": "PT3M"}, "less than or equal to 110"),
    ],
)
def test_wrong_input_is_told(change: Any, message: str) -> None:
    """What no request can be made of is refused by the model, with the remedy."""
    right = {"method": "tools/list", "transport": {"http": {"endpoint": "http://a.test"}}}
    with pytest.raises(ValidationError, match=message):
        In.model_validate({**right, **change})


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"protocolVersion": "2026-07-28"}, "'2026-07-28' is not spoken here; these are: 2024"),
        ({"where": {"http": {"endpoint": "ftp://a.test"}}}, "no http or https URI"),
        ({"where": {"http": {"endpoint": "http://a.test", "headers": {"a": "b\r\nc"}}}}, "break"),
    ],
)
async def test_what_cannot_be_sent_is_a_validation_error(
    context: Context, members: dict[str, Any], message: str
) -> None:
    """It is told before anything is sent."""
    where = members.pop("where", "http://127.0.0.1:1/mcp")
    with pytest.raises(ToolError, match=message) as caught:
        await call(context, where, "tools/list", **members)
    assert caught.value.problem.type == ErrorType.VALIDATION


def test_the_sdk_is_loaded_for_the_first_call_alone() -> None:
    """Importing the service loads neither the SDK nor its client: an idle platform is small."""
    program = (
        "import functions.mcp.app, sys;"
        "print([m for m in sys.modules if m.split('.')[0] in {'mcp', 'mcp_types', 'httpx2'}])"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


async def test_every_message_is_authenticated(notes: Any, context: Context) -> None:
    """The policy of the transport's endpoint holds for the handshake too."""
    policy = {"basic": {"username": "u", "password": "p"}}
    where = {"http": {"endpoint": {"uri": notes.url, "authentication": policy}}}
    assert await call(context, where, "tools/list")
    assert len(notes.seen) > 1
    assert {each["authorization"] for each in notes.seen} == {"Basic dTpw"}
