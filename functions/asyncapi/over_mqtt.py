"""Messages over MQTT 3.1.1: the channel's address is the topic, the quality of service is 1.

A message has no headers there; it has in MQTT 5, `over_mqtt5`.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import aiomqtt

from functions.asyncapi.brokers import address_of, login_of, lost, tls_of, unknown
from functions.asyncapi.content import read
from functions.asyncapi.models import Inbound

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from functions.asyncapi.carrying import Call

V311: Final = aiomqtt.ProtocolVersion.V311
_UNKNOWN: Final = {4, 5, 134, 135}
"""Reason codes of a connection refused for who asks."""


async def publish(call: Call, body: bytes, _media: str, _headers: dict[str, Any]) -> None:
    """Send one message and wait for the broker's acknowledgement."""
    async with connected(call, V311) as client:
        await client.publish(call.operation.address, body, qos=1)


async def subscribe(call: Call) -> AsyncGenerator[Inbound, None]:
    """Yield what is published on the topic from now on, and what it retains."""
    async with connected(call, V311) as client:
        await client.subscribe(call.operation.address, qos=1)
        async for message in client.messages:
            yield Inbound(payload=payload_of(message))


def payload_of(message: aiomqtt.Message) -> Any:
    """Return what a message says."""
    body = message.payload
    return read(body if isinstance(body, bytes) else str(body).encode())


@asynccontextmanager
async def connected(call: Call, version: aiomqtt.ProtocolVersion) -> AsyncIterator[aiomqtt.Client]:
    """Connect to the broker; what fails there is an error of the DSL."""
    login = await login_of(call)
    client = aiomqtt.Client(
        await address_of(call),
        call.target.port,
        username=login.user or ("bearer" if login.token else None),
        password=login.password or login.token,
        protocol=version,
        tls_context=await tls_of(call),
        timeout=call.settings.timeout,
    )
    try:
        async with client:
            yield client
    except aiomqtt.MqttCodeError as error:
        code = getattr(error.rc, "value", error.rc)
        raise (unknown if code in _UNKNOWN else lost)(call, error) from error
    except (aiomqtt.MqttError, OSError) as error:
        raise lost(call, error) from error
