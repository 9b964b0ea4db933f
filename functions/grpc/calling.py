"""One call of one method."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc.aio

from functions.grpc.describing import shown
from functions.grpc.failures import refused, too_large

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from functions.grpc.describing import Method
    from functions.host.web.limits import ExchangeLimits

Metadata = tuple[tuple[str, str], ...]
"""What goes along with a call: names in lower case, and their values."""


async def ask(
    channel: grpc.aio.Channel,
    method: Method,
    message: Message,
    metadata: Metadata,
    limits: ExchangeLimits,
) -> Any:
    """Return the answer as JSON, a list of a stream's; every status but OK is a ToolError."""
    try:
        if method.streams:
            return await _collected(channel, method, message, metadata, limits)
        call = channel.unary_unary(
            method.path,
            request_serializer=method.request.SerializeToString,
            response_deserializer=method.answer.FromString,
        )
        return shown(await call(message, timeout=limits.timeout, metadata=metadata))
    except grpc.aio.AioRpcError as error:
        details = error.details() or ""
        raise refused(method.path, error.code().name, details, limits) from error


async def _collected(
    channel: grpc.aio.Channel,
    method: Method,
    message: Message,
    metadata: Metadata,
    limits: ExchangeLimits,
) -> list[Any]:
    stream = channel.unary_stream(
        method.path,
        request_serializer=method.request.SerializeToString,
        response_deserializer=method.answer.FromString,
    )
    answers: list[Any] = []
    size = 0
    async for answer in stream(message, timeout=limits.timeout, metadata=metadata):
        size += answer.ByteSize()
        if size > limits.max_bytes:
            raise too_large(method.path, limits)
        answers.append(shown(answer))
    return answers
