"""Which server of a document is called; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from functions.asyncapi.description import unfit

if TYPE_CHECKING:
    from functions.asyncapi.description import Description, Operation
    from functions.asyncapi.models import In

_SPOKEN: Final = {
    "amqp": ("amqp", False),
    "amqps": ("amqp", True),
    "http": ("http", False),
    "https": ("http", True),
    "mqtt": ("mqtt", False),
    "mqtts": ("mqtt", True),
    "secure-mqtt": ("mqtt", True),
    "mqtt5": ("mqtt5", False),
    "nats": ("nats", False),
    "redis": ("redis", False),
    "rediss": ("redis", True),
    "ws": ("ws", False),
    "wss": ("ws", True),
}
"""By the document's protocol: the DSL's, and whether it is over TLS."""
_PORTS: Final = {
    "amqp": (5672, 5671),
    "http": (80, 443),
    "mqtt": (1883, 8883),
    "mqtt5": (1883, 8883),
    "nats": (4222, 4222),
    "redis": (6379, 6379),
    "ws": (80, 443),
}
"""By the DSL's protocol: the port where none is named, without TLS and with it."""
_SECURE: Final = frozenset({"amqps", "https", "mqtts", "rediss", "ssl", "tls", "wss"})
"""The schemes of addresses that are reached over TLS whatever the protocol's name."""
_NAMED: Final = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True, slots=True)
class Target:
    """A server to connect to."""

    protocol: str
    host: str
    port: int
    path: str
    tls: bool

    @property
    def origin(self) -> str:
        """What names it in messages."""
        return f"{self.protocol}://{self.host}:{self.port}"


def choose(description: Description, operation: Operation, request: In) -> Target:
    """Return the server that a call names, or the first of the channel's that fits."""
    servers = description.at(description.root.get("servers"))
    if request.server:
        found = description.named("servers", request.server.name)
        return _target(request.server.name, found, request.server.variables)
    names = operation.servers or tuple(servers)
    refused = []
    for name in names:
        found = description.named("servers", name)
        spoken = _SPOKEN.get(str(found.get("protocol")))
        if spoken and request.protocol in {None, spoken[0], _of_version(found, spoken[0])}:
            return _target(name, found, {})
        refused.append(f"{name} ({found.get('protocol')})")
    what = f"of the protocol {request.protocol}" if request.protocol else "that can be called"
    has = f"; it has {', '.join(refused)}" if refused else "; it has none"
    raise unfit(f"{description.where} has no server {what}{has}; {_known()}")


def _target(name: str, server: dict[str, Any], variables: dict[str, Any]) -> Target:
    written = str(server.get("protocol"))
    if written not in _SPOKEN:
        raise unfit(f"the server '{name}' speaks {written}; {_known()}")
    known = {
        each: (definition or {}).get("default")
        for each, definition in (server.get("variables") or {}).items()
    } | variables
    at = server.get("url") or f"{server.get('host') or ''}{server.get('pathname') or ''}"
    filled = _NAMED.sub(lambda found: _value(name, known, found[1]), str(at))
    parts = urlsplit(filled if "://" in filled else f"//{filled}")
    protocol, tls = _SPOKEN[written]
    protocol = _of_version(server, protocol)
    tls = tls or parts.scheme in _SECURE
    try:
        port = parts.port or _PORTS[protocol][tls]
    except ValueError:
        raise unfit(f"the server '{name}' has no usable address: {filled}") from None
    if not parts.hostname:
        raise unfit(f"the server '{name}' has no usable address: {filled or 'none'}")
    return Target(protocol, parts.hostname, port, parts.path.rstrip("/"), tls)


def _of_version(server: dict[str, Any], protocol: str) -> str:
    """Return the DSL's protocol, which for MQTT has the version in its name."""
    five = str(server.get("protocolVersion") or "").startswith("5")
    return "mqtt5" if protocol == "mqtt" and five else protocol


def _value(server: str, known: dict[str, Any], name: str) -> str:
    if known.get(name) is None:
        raise unfit(f"the server '{server}' needs the variable '{name}'")
    return str(known[name])


def _known() -> str:
    return f"spoken here: {', '.join(sorted(_SPOKEN))}"
