"""Messages over NATS: the channel's address is the subject."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from nats.aio.client import Client
from nats.errors import AuthorizationError, Error

from functions.asyncapi.brokers import address_of, ended, login_of, lost, tls_of, unknown
from functions.asyncapi.content import read
from functions.asyncapi.models import Inbound
from functions.host.web.request import text

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from functions.asyncapi.carrying import Call


_CLOSING: Final = 1.0
"""Seconds that a connection which failed may take to close."""


async def publish(call: Call, body: bytes, media: str, headers: dict[str, Any]) -> None:
    """Send one message, with the task's key for JetStream to know a repeated one by."""
    own = {"Content-Type": media, "Nats-Msg-Id": call.context.idempotency_key}
    sent = own | {name: text(value) for name, value in headers.items()}
    async with _connected(call) as client:
        await client.publish(call.operation.address, body, headers=sent)
        await client.flush(int(call.settings.timeout) or 1)


async def subscribe(call: Call) -> AsyncGenerator[Inbound, None]:
    """Yield what is published on the subject from now on."""
    async with _connected(call) as client:
        subscription = await client.subscribe(call.operation.address)
        await client.flush(int(call.settings.timeout) or 1)
        async for message in subscription.messages:
            headers = dict(message.headers or {})
            told = headers.get("correlationId") or headers.get("Correlation-Id")
            yield Inbound(payload=read(message.data), headers=headers, correlation_id=told)
    raise ended(call)


@asynccontextmanager
async def _connected(call: Call) -> AsyncIterator[Client]:
    login, host = await login_of(call), await address_of(call)
    shown = f"[{host}]" if ":" in host else host
    client = _Secured() if call.target.tls else Client()
    try:
        await client.connect(
            f"nats://{shown}:{call.target.port}",
            # a server may name others, which nobody has checked
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            connect_timeout=int(call.settings.timeout) or 1,
            user=login.user,
            password=login.password,
            token=login.token,
            tls=await tls_of(call),
            tls_hostname=call.target.host,
            error_cb=_ignored,
            name="tendril",
        )
    except (OSError, Error, TimeoutError) as error:
        with suppress(TimeoutError):  # it waits for ever for what was never secured
            await asyncio.wait_for(client.close(), _CLOSING)
        if isinstance(error, AuthorizationError) or "uthorization" in str(error):
            raise unknown(call, error) from error
        raise lost(call, error) from error
    try:
        yield client
    except (OSError, Error) as error:
        raise lost(call, error) from error
    finally:
        await client.close()


class _Secured(Client):
    """Says who asks over TLS alone, which is the server's to offer before anything is secured."""

    def _connect_command(self) -> bytes:
        if not self._server_info.get("tls_required"):
            raise Error("nats: the server offers no TLS")
        command: bytes = super()._connect_command()
        return command


async def _ignored(_: Exception) -> None:
    """Say nothing: what fails is raised where it is asked for."""
