"""Where tools may connect to: the public internet, unless an operator allows more.

The decision is taken on the address that the socket connects to, so a name, an IP literal,
a redirect and a name that changes its address between two look-ups are all the same case.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.resolver import ThreadedResolver

from events.errors import ErrorType, ToolError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp.abc import ResolveResult

Network = IPv4Network | IPv6Network

_PORTS: Final[Mapping[str, int]] = {"http": 80, "https": 443}

# Source: the IANA special-purpose address registries (RFC 6890 and its updates).
_REFUSED: Final[Mapping[Network, str]] = {
    ip_network(block): why
    for block, why in {
        "0.0.0.0/8": "unspecified",
        "10.0.0.0/8": "private",
        "100.64.0.0/10": "carrier-grade NAT",
        "127.0.0.0/8": "loopback",
        "168.63.129.16/32": "a cloud's own metadata service",
        "169.254.0.0/16": "link-local",
        "172.16.0.0/12": "private",
        "192.0.0.0/24": "reserved",
        "192.0.2.0/24": "documentation",
        "192.88.99.0/24": "a deprecated relay",
        "192.168.0.0/16": "private",
        "198.18.0.0/15": "benchmarking",
        "198.51.100.0/24": "documentation",
        "203.0.113.0/24": "documentation",
        "224.0.0.0/4": "multicast",
        "240.0.0.0/4": "reserved",
        "::/128": "unspecified",
        "::1/128": "loopback",
        "::ffff:0:0/96": "an IPv4 address written as IPv6",
        "2001::/23": "reserved",
        "2001:db8::/32": "documentation",
        "2002::/16": "a deprecated relay",
        "3fff::/20": "documentation",
        "fc00::/7": "private",
        "fe80::/10": "link-local",
        "ff00::/8": "multicast",
    }.items()
}
_GLOBAL_V6: Final = IPv6Network("2000::/3")
_NAT64: Final = IPv6Network("64:ff9b::/96")
_GRANTED: Final = 256
"""Addresses that an operator's names have led to, the last ones; some names never stop changing."""


class EgressRefused(ToolError):  # noqa: N818 - a decision, not a mistake of ours
    """The egress policy does not let a tool connect there."""

    def __init__(self, target: str, why: str) -> None:
        super().__init__(
            f"a tool may not connect to {target}: {why}; an operator can allow it with "
            "TENDRIL_EGRESS_ALLOW",
            type=ErrorType.AUTHORIZATION,
            status=403,
            title="Egress refused",
        )


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether an address may be connected to, and why (not)."""

    allowed: bool
    why: str


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """Which addresses tools may connect to beside public ones."""

    allow: tuple[Network, ...] = ()
    trusted: frozenset[tuple[str, int]] = field(default_factory=frozenset)
    """Hosts and ports that an operator configured, wherever their names lead."""

    @classmethod
    def parse(cls, blocks: str) -> EgressPolicy:
        """Read comma-separated CIDR blocks or addresses; ToolError (configuration) for others."""
        try:
            named = [block.strip() for block in blocks.split(",")]
            return cls(tuple(ip_network(block, strict=False) for block in named if block))
        except ValueError as error:
            detail = f"TENDRIL_EGRESS_ALLOW: {error}; write CIDR blocks such as 10.0.0.0/8"
            raise ToolError(detail, type=ErrorType.CONFIGURATION) from None

    def decide(self, address: str) -> Decision:
        """Decide about one IP address; anything that is none is refused."""
        try:
            parsed = ip_address(address)
        except ValueError:
            return Decision(allowed=False, why=f"{address!r} is no IP address")
        if any(parsed in network for network in self.allow):
            return Decision(allowed=True, why="allowed by the operator")
        if parsed in _NAT64:
            return self.decide(_embedded(parsed))
        for network, why in _REFUSED.items():
            if parsed in network:
                return Decision(allowed=False, why=f"{address} is {why}")
        if isinstance(parsed, IPv6Address) and parsed not in _GLOBAL_V6:
            return Decision(allowed=False, why=f"{address} is reserved")
        return Decision(allowed=True, why="public")

    def trusts(self, host: str, port: int) -> bool:
        """Tell whether an operator configured this very host and port."""
        return (host.lower(), port) in self.trusted

    def allowing(self, url: str) -> EgressPolicy:
        """Return a policy that also allows the host and port of an operator's own URL."""
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or _PORTS.get(parts.scheme)
        if host is None or port is None:
            detail = f"{url!r} is no http or https URL"
            raise ToolError(detail, type=ErrorType.CONFIGURATION)
        return replace(self, trusted=self.trusted | {(host.lower(), port)})


def _embedded(address: Any) -> str:
    """Return the IPv4 address that NAT64 puts into the last 32 bits."""
    return str(ip_address(int(address) & 0xFFFF_FFFF))


class CheckedResolver(AbstractResolver):
    """Look-ups that answer only with addresses the policy allows."""

    def __init__(self, policy: EgressPolicy, inner: AbstractResolver | None = None) -> None:
        self._policy = policy
        self._inner = inner or ThreadedResolver()
        self._granted: dict[tuple[str, int], None] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the allowed addresses of `host`; EgressRefused when it has others only."""
        found = await self._inner.resolve(host, port, family)
        if self._policy.trusts(host, port):
            for answer in found:
                self._grant((answer["host"], port))
            return found
        decisions = [(answer, self._policy.decide(answer["host"])) for answer in found]
        allowed = [answer for answer, decision in decisions if decision.allowed]
        if found and not allowed:
            raise EgressRefused(host, decisions[0][1].why)
        return allowed

    def _grant(self, address: tuple[str, int]) -> None:
        self._granted.pop(address, None)
        self._granted[address] = None
        if len(self._granted) > _GRANTED:
            del self._granted[next(iter(self._granted))]

    def admits(self, address: str, port: int) -> Decision:
        """Decide about a socket that is about to connect."""
        if (address, port) in self._granted or self._policy.trusts(address, port):
            return Decision(allowed=True, why="configured by the operator")
        return self._policy.decide(address)

    async def close(self) -> None:
        """Release the inner resolver."""
        await self._inner.close()


def session(
    policy: EgressPolicy,
    *,
    resolver: AbstractResolver | None = None,
    timeout: aiohttp.ClientTimeout | None = None,
) -> aiohttp.ClientSession:
    """Return an HTTP client that connects only where `policy` lets it; close it after use.

    It keeps no cookies, reads no proxy variables, and refuses schemes other than http and
    https. Refusals raise EgressRefused. To be called within a running event loop.
    """
    checked = CheckedResolver(policy, resolver)

    def connect(address: Any) -> socket.socket:
        family, kind, protocol, _, target = address
        decision = checked.admits(str(target[0]), int(target[1]))
        if not decision.allowed:
            raise EgressRefused(str(target[0]), decision.why)
        return socket.socket(family, kind, protocol)

    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(resolver=checked, socket_factory=connect),
        cookie_jar=aiohttp.DummyCookieJar(),
        middlewares=(web_only,),
        timeout=timeout or aiohttp.ClientTimeout(total=60.0, sock_connect=10.0),
    )


async def web_only(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Refuse schemes other than http and https; a middleware of every client that tools get."""
    if request.url.scheme not in _PORTS:
        raise EgressRefused(str(request.url), f"{request.url.scheme} is neither http nor https")
    return await handler(request)
