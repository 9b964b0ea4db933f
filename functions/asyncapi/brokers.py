"""What the clients of brokers have in common: an address that may be reached, and who asks."""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from events.errors import ErrorType, RetryableError, ToolError
from functions.host.egress import CheckedResolver, EgressPolicy
from functions.host.settings import Settings
from functions.host.web.credentials import credentials

if TYPE_CHECKING:
    from functions.asyncapi.carrying import Call


@dataclass(frozen=True, slots=True)
class Login:
    """Who asks: a user with a password, a token, or nobody in particular."""

    user: str | None = None
    password: str | None = None
    token: str | None = None


async def address_of(call: Call) -> str:
    """Return an address of the server that the egress policy allows.

    The client connects to it rather than to the name, so that what was checked is what is
    connected to. EgressRefused when there is none.
    """
    resolver = CheckedResolver(EgressPolicy.parse(Settings().egress_allow))
    try:
        found = await resolver.resolve(call.target.host, call.target.port, socket.AF_UNSPEC)
    except OSError as error:
        raise RetryableError(f"{call.target.host} has no address: {error}") from error
    finally:
        await resolver.close()
    if not found:
        raise RetryableError(f"{call.target.host} has no address")
    return found[0]["host"]


class _Secured(ssl.SSLContext):
    """Holds certificates against the server's name; clients here connect to an address of it."""

    name: str

    def wrap_socket(self, sock: socket.socket, *args: Any, **more: Any) -> ssl.SSLSocket:
        """Secure a socket."""
        return super().wrap_socket(sock, *args, **{**more, "server_hostname": self.name})

    def wrap_bio(
        self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *args: Any, **more: Any
    ) -> ssl.SSLObject:
        """Secure what asyncio reads and writes."""
        named = {**more, "server_hostname": self.name}
        return super().wrap_bio(incoming, outgoing, *args, **named)


async def tls_of(call: Call) -> ssl.SSLContext | None:
    """Return how to secure a connection to the server, by the system's authorities; None: not."""
    if not call.target.tls:
        return None
    context = _Secured(ssl.PROTOCOL_TLS_CLIENT)
    context.name = call.target.host
    await asyncio.to_thread(context.load_default_certs)
    return context


async def login_of(call: Call) -> Login:
    """Return what a policy presents to a broker; digest is HTTP's alone."""
    policy = call.policy
    if policy is None:
        return Login()
    if policy.basic:
        return Login(policy.basic.username, policy.basic.password)
    if policy.digest:
        detail = f"digest is HTTP's alone; {call.target.origin} takes basic, bearer, oauth2 or oidc"
        raise ToolError(detail, type=ErrorType.CONFIGURATION)
    presented = await credentials(call.context, policy, call.settings.limits)
    return Login(token=(await presented.authorization()).parameter)


def lost(call: Call, error: Exception) -> RetryableError:
    """Return the error that a broker is which cannot be reached or went away."""
    return RetryableError(f"{call.target.origin}: {str(error) or type(error).__name__}")


def ended(call: Call) -> RetryableError:
    """Return the error that a subscription is which the broker ended, as none does by itself."""
    return RetryableError(f"{call.target.origin} ended the subscription")


def refused(call: Call, error: Exception) -> ToolError:
    """Return the error that a broker's refusal of what was asked is."""
    detail = f"{call.target.origin} refused: {error}"
    return ToolError(detail, type=ErrorType.COMMUNICATION)


def unknown(call: Call, error: Exception) -> ToolError:
    """Return the error that a broker's refusal of the credentials is."""
    detail = f"{call.target.origin} does not know us: {error}"
    return ToolError(detail, type=ErrorType.AUTHENTICATION, title="Authentication failed")
