"""The mcp tool's handler."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from events.errors import ErrorType, ToolError
from functions.host.web.authenticated import authenticated
from functions.host.web.endpoint import endpoint
from functions.host.web.request import sealed, target
from functions.mcp.failures import failed, timed_out
from functions.mcp.models import In, Out, Settings

if TYPE_CHECKING:
    from functions.host.context import Context


async def handle(request: In, context: Context) -> Out:
    """Send one request to an MCP server and return its result.

    An error that the server answers, and a tool's own, are of type runtime; what keeps the
    server from answering is of type communication, and retryable as for the http tool.
    """
    settings = await context.resources.once("settings", _settings)
    parameters = dict(request.parameters)
    if request.method == "tools/call":
        meta = {"tendril.dev/idempotency-key": context.idempotency_key}
        parameters["_meta"] = meta | dict(parameters.get("_meta") or {})
    if request.transport.stdio and not settings.starts(request.transport.stdio.command):
        raise _not_allowed(request.transport.stdio.command)
    seconds = request.timeout or settings.timeout
    try:
        async with asyncio.timeout(seconds):
            result = await _asked(request, parameters, settings, context)
    except TimeoutError as error:
        raise timed_out(request, seconds) from error
    failure = failed(request, result)
    if failure:
        raise failure
    return Out(result)


async def _asked(
    request: In, parameters: dict[str, Any], settings: Settings, context: Context
) -> Any:
    # lazy: the SDK takes a second and 30 MB, which no idle platform needs
    from functions.mcp.calling import ask, check_version, over_http, over_stdio
    from functions.mcp.carrying import Carrier
    from functions.mcp.failures import error_of

    check_version(request.protocol_version)
    if request.transport.stdio:
        try:
            async with over_stdio(request.transport.stdio) as session:
                return await ask(session, request, parameters)
        except Exception as error:
            raise error_of(request, error, None) from error
    http, limits = request.transport.http, settings.limits
    assert http
    policy = endpoint(http.endpoint).authentication
    async with authenticated(context, policy, target(http.uri, ()), limits) as client:
        carrier = Carrier(client, limits)
        headers = sealed("POST", http.headers, context.idempotency_key)
        try:
            async with over_http(http, headers, carrier, settings.max_bytes) as session:
                return await ask(session, request, parameters)
        except Exception as error:
            raise error_of(request, error, carrier.failure) from error


def _not_allowed(command: str) -> ToolError:
    return ToolError(
        f"the operator lets no flow start '{command}' as an MCP server; TENDRIL_MCP_STDIO would "
        "name it",
        type=ErrorType.AUTHORIZATION,
    )


async def _settings() -> Settings:
    return Settings()
