"""Messages over Redis: the channel's address is that of its publish and subscribe.

A message has no headers there, and who does not listen when it is published never hears it.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from redis.asyncio import Connection, ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError

from functions.asyncapi.brokers import address_of, login_of, lost, refused, tls_of, unknown
from functions.asyncapi.content import read
from functions.asyncapi.models import Inbound

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncGenerator, AsyncIterator

    from functions.asyncapi.carrying import Call


async def publish(call: Call, body: bytes, _media: str, _headers: dict[str, Any]) -> None:
    """Send one message to those who listen."""
    async with _connected(call) as client:
        await client.publish(call.operation.address, body)


async def subscribe(call: Call) -> AsyncGenerator[Inbound, None]:
    """Yield what is published on the channel from now on."""
    async with _connected(call) as client, client.pubsub() as channel:
        await channel.subscribe(call.operation.address)
        async for message in channel.listen():
            if message["type"] == "message":
                yield Inbound(payload=read(message["data"]))


class _Connection(Connection):
    """A connection that may be over TLS, by the context it is given."""

    def __init__(self, *, tls: ssl.SSLContext | None, **given: Any) -> None:
        super().__init__(**given)
        self._tls = tls

    def _connection_arguments(self) -> dict[str, Any]:
        return {**super()._connection_arguments(), "ssl": self._tls}


@asynccontextmanager
async def _connected(call: Call) -> AsyncIterator[Redis]:
    login = await login_of(call)
    pool = ConnectionPool(
        _Connection,
        host=await address_of(call),
        port=call.target.port,
        db=call.target.path.strip("/") or 0,
        username=login.user,
        password=login.password or login.token,
        tls=await tls_of(call),
        socket_timeout=call.settings.timeout,
        socket_connect_timeout=call.settings.timeout,
        # a subscription that is lost and begins anew would not know what it missed
        retry=Retry(NoBackoff(), 0),
        protocol=2,  # in the third a server may send clients elsewhere, which nobody has checked
    )
    try:
        async with Redis.from_pool(pool) as client:
            yield client
    except (AuthenticationError, NoPermissionError) as error:
        raise unknown(call, error) from error
    except ResponseError as error:
        raise refused(call, error) from error
    except (RedisError, OSError) as error:
        raise lost(call, error) from error
