"""Messages over AMQP 0-9-1: through a queue, or an exchange and a routing key.

The channel's binding says which, and in which virtual host where the server's path does not. With
an exchange, the channel's address is the routing key; without one, it is a queue, if the binding
has no other name of it. Exchanges and queues that others use are theirs to make: one that is not
there is an error. Messages of an exchange are heard from now on, those of a queue are taken out of
it, each as it comes.

Source: AsyncAPI, "AMQP 0-9-1 Bindings", 0.3.0.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

import aio_pika
from aio_pika.exceptions import (
    AMQPError,
    AuthenticationError,
    ChannelClosed,
    ChannelInvalidStateError,
    DeliveryError,
    InvalidFrameError,
    ProbableAuthenticationError,
)

from functions.asyncapi.brokers import (
    address_of,
    ended,
    login_of,
    lost,
    refused,
    tls_of,
    unknown,
)
from functions.asyncapi.content import read
from functions.asyncapi.models import Inbound

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from aio_pika.abc import AbstractChannel, AbstractQueue

    from functions.asyncapi.carrying import Call


_GUEST: Final = "guest"
"""Who asks where no policy says it, to brokers of AMQP; the password is the same."""


@dataclass(frozen=True, slots=True)
class _Way:
    """Where messages go: a queue of its own name, or a routing key of an exchange."""

    key: str
    exchange: str
    host: str


async def publish(call: Call, body: bytes, media: str, headers: dict[str, Any]) -> None:
    """Send one message, with the task's key for its id, and wait for the broker's confirmation."""
    way = _way(call)
    message = aio_pika.Message(
        body,
        headers=headers,
        content_type=media or None,
        message_id=call.context.idempotency_key,
        delivery_mode=1 if call.operation.own.get("amqp", {}).get("deliveryMode") == 1 else 2,
    )
    async with _connected(call, way) as channel:
        exchange = channel.default_exchange
        if way.exchange:
            exchange = await channel.get_exchange(way.exchange, ensure=False)
        # a queue that is not there would lose the message; an exchange may have nobody to tell
        wait = call.settings.timeout
        await exchange.publish(message, way.key, mandatory=not way.exchange, timeout=wait)


async def subscribe(call: Call) -> AsyncGenerator[Inbound, None]:
    """Yield the messages of the queue, or those with the routing key from now on."""
    way = _way(call)
    async with _connected(call, way) as channel:
        await channel.set_qos(prefetch_count=1)
        queue = await _queue(channel, way)
        async with queue.iterator() as messages:
            async for message in messages:
                headers: dict[str, Any] = dict(message.headers)
                told = message.correlation_id
                try:
                    yield Inbound(payload=read(message.body), headers=headers, correlation_id=told)
                finally:
                    await message.ack()
    raise ended(call)


def _way(call: Call) -> _Way:
    binding, address = call.operation.channel.get("amqp", {}), call.operation.address
    to_queue = binding.get("is") == "queue"
    named = binding.get("queue" if to_queue else "exchange") or {}
    name = str(named.get("name") or "")
    host = unquote(call.target.path.removeprefix("/")) or str(named.get("vhost") or "/")
    return _Way(name or address, "", host) if to_queue else _Way(address, name, host)


async def _queue(channel: AbstractChannel, way: _Way) -> AbstractQueue:
    if not way.exchange:
        return await channel.declare_queue(way.key, passive=True)
    own = await channel.declare_queue(exclusive=True)
    await own.bind(way.exchange, way.key)
    return own


@asynccontextmanager
async def _connected(call: Call, way: _Way) -> AsyncIterator[AbstractChannel]:
    login, tls = await login_of(call), await tls_of(call)
    try:
        connection = await aio_pika.connect(
            host=await address_of(call),
            port=call.target.port,
            login=login.user or _GUEST,
            password=login.password or login.token or _GUEST,
            virtualhost=way.host,
            ssl=tls is not None,
            ssl_context=tls,
            timeout=call.settings.timeout,
        )
        async with connection, connection.channel(on_return_raises=True) as channel:
            yield channel
    except (AuthenticationError, ProbableAuthenticationError) as error:
        raise unknown(call, error) from error
    except (ChannelClosed, DeliveryError) as error:
        raise refused(call, error) from error
    except InvalidFrameError as error:  # what the client makes of a connection that is refused
        reason = LookupError(f"the virtual host '{way.host}' cannot be opened")
        raise refused(call, reason) from error
    except (AMQPError, ChannelInvalidStateError, OSError) as error:
        raise lost(call, error) from error
