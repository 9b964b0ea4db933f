"""Which error of the DSL a failed request is; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from events.errors import ErrorType, ToolError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from functions.mcp.models import In

_MOST = 500


def failed(request: In, result: Any) -> ToolError | None:
    """Return the error that a result is whose tool failed, if it did."""
    if request.method != "tools/call" or not result.get("isError"):
        return None
    texts = [str(each.get("text", "")) for each in result.get("content", ())]
    said = " ".join(texts).strip()[:_MOST] or "without a word"
    detail = f"the MCP tool '{request.parameters['name']}' failed: {said}"
    return ToolError(detail, title="MCP tool failed")


def timed_out(request: In, seconds: float) -> ToolError:
    """Return the error that a request without an answer in time is."""
    own = "" if request.timeout else "; see TENDRIL_MCP_TIMEOUT, or give 'timeout'"
    detail = f"{_name(request)} was not answered within {seconds:g} s{own}"
    return ToolError(detail, type=ErrorType.TIMEOUT, title="Timeout")


def error_of(request: In, error: Exception, seen: ToolError | None) -> ToolError:
    """Return what went wrong: what the exchange showed, or what the SDK says.

    `error` may be a group of the SDK's tasks.
    """
    from mcp.shared.exceptions import MCPError  # lazy: see the handler

    if seen:
        return seen
    errors = list(_leaves(error))
    for each in errors:
        if isinstance(each, ToolError):
            return each
    for each in errors:
        if isinstance(each, MCPError):
            detail = f"{_name(request)} was answered with error {each.code}: {each.message}"
            return ToolError(detail[: 2 * _MOST], title="MCP error")
        if isinstance(each, OSError):
            detail = f"{_name(request)}: the server cannot be started: {each}"
            return ToolError(detail, type=ErrorType.CONFIGURATION)
        if isinstance(each, ValidationError):
            wrong = f"{each.error_count()} mistakes, first: {each.errors()[0]['msg']}"
            detail = f"{_name(request)} was answered with what the protocol does not have: {wrong}"
            return ToolError(detail, type=ErrorType.COMMUNICATION, title="Invalid response")
    first = errors[0]
    return ToolError(f"{_name(request)} failed: {type(first).__name__}: {first}")


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _leaves(each)
    else:
        yield error


def _name(request: In) -> str:
    http, stdio = request.transport.http, request.transport.stdio
    where = http.uri.partition("?")[0] if http else stdio.command if stdio else ""
    named = request.parameters.get("name") or request.parameters.get("uri")
    return f"{request.method}{f' of {named}' if named else ''} at {where}"
