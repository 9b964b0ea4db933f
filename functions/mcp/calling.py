"""One request to an MCP server in a session of its own, by the official SDK."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx2
import mcp_types as types
from mcp.client.session import ClientSession
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from pydantic import TypeAdapter

from events.errors import ErrorType, ToolError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from functions.mcp.carrying import Carrier
    from functions.mcp.models import Client, Http, In, Stdio

_RESULT: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])


@asynccontextmanager
async def over_http(
    server: Http, headers: Mapping[str, str], carrier: Carrier, longest: int
) -> AsyncIterator[ClientSession]:
    """Open a session with a server over streamable HTTP."""
    async with (
        httpx2.AsyncClient(transport=carrier, headers=dict(headers), timeout=None) as client,
        streamable_http_client(
            server.uri, http_client=client, max_sse_event_size=longest
        ) as streams,
        ClientSession(*streams) as session,
    ):
        yield session


@asynccontextmanager
async def over_stdio(server: Stdio) -> AsyncIterator[ClientSession]:
    """Start a server and open a session with it; it ends with the session."""
    parameters = StdioServerParameters(
        command=server.command, args=list(server.arguments), env=dict(server.environment)
    )
    async with stdio_client(parameters) as streams, ClientSession(*streams) as session:
        yield session


async def ask(session: ClientSession, request: In, parameters: dict[str, Any]) -> Any:
    """Shake hands, send the request and return its result, as the server gave it."""
    await _handshake(session, request.protocol_version, request.client)
    message = types.Request[dict[str, Any] | None, str](
        method=request.method, params=parameters or None
    )
    return await session.send_request(message, _RESULT)


def check_version(version: str) -> None:
    """Refuse a revision that the SDK does not speak; ToolError (validation)."""
    if version not in HANDSHAKE_PROTOCOL_VERSIONS:
        known = ", ".join(HANDSHAKE_PROTOCOL_VERSIONS)
        detail = f"protocolVersion '{version}' is not spoken here; these are: {known}"
        raise ToolError(detail, type=ErrorType.VALIDATION)


async def _handshake(session: ClientSession, version: str, client: Client) -> None:
    """Initialize at the asked revision; the SDK itself would ask for the latest."""
    hello = types.InitializeRequest(
        params=types.InitializeRequestParams(
            protocol_version=version,
            capabilities=types.ClientCapabilities(),
            client_info=types.Implementation(name=client.name, version=client.version),
        )
    )
    answer = await session.send_request(hello, types.InitializeResult)
    check_version(answer.protocol_version)
    session.adopt(answer)
    await session.send_notification(types.InitializedNotification())
