"""Messages over MQTT 5: as over MQTT 3.1.1, and with headers, which are user properties there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from functions.asyncapi.models import Inbound
from functions.asyncapi.over_mqtt import connected, payload_of
from functions.host.web.request import text

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from functions.asyncapi.carrying import Call

_V5: Final = aiomqtt.ProtocolVersion.V5


async def publish(call: Call, body: bytes, media: str, headers: dict[str, Any]) -> None:
    """Send one message and wait for the broker's acknowledgement."""
    said = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    if media:
        said.ContentType = media
    if headers:
        said.UserProperty = [(name, text(value)) for name, value in headers.items()]
    async with connected(call, _V5) as client:
        await client.publish(call.operation.address, body, qos=1, properties=said)


async def subscribe(call: Call) -> AsyncGenerator[Inbound, None]:
    """Yield what is published on the topic from now on, and what it retains."""
    async with connected(call, _V5) as client:
        await client.subscribe(call.operation.address, qos=1)
        async for message in client.messages:
            said = message.properties
            told = getattr(said, "CorrelationData", None)
            yield Inbound(
                payload=payload_of(message),
                headers=dict(getattr(said, "UserProperty", ())),
                correlation_id=told.decode("utf-8", "replace") if told else None,
            )
