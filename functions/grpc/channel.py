"""Channels to addresses that the egress policy allows."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import grpc
import grpc.aio

from events.errors import RetryableError

if TYPE_CHECKING:
    from functions.grpc.models import Service, Settings
    from functions.host.egress import CheckedResolver


async def opened(
    service: Service, resolver: CheckedResolver, settings: Settings
) -> grpc.aio.Channel:
    """Return a channel to a service; close it after use.

    The name is looked up here and the channel gets addresses, so that what was checked is what
    is connected to. EgressRefused when the name has none that may be reached.
    """
    target = await _addresses(service, resolver)
    options = [
        ("grpc.default_authority", f"{service.host}:{service.port}"),
        ("grpc.enable_http_proxy", 0),
        ("grpc.max_receive_message_length", settings.max_bytes),
        ("grpc.max_send_message_length", -1),
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.service_config_disable_resolution", 1),
    ]
    if settings.is_plaintext(service.host):
        return grpc.aio.insecure_channel(target, options=options)
    options.append(("grpc.ssl_target_name_override", service.host))
    roots = await asyncio.to_thread(settings.roots.read_bytes) if settings.roots else None
    return grpc.aio.secure_channel(target, grpc.ssl_channel_credentials(roots), options=options)


async def _addresses(service: Service, resolver: CheckedResolver) -> str:
    """Return the allowed addresses of one family, as gRPC writes them."""
    try:
        found = await resolver.resolve(service.host, service.port, socket.AF_UNSPEC)
    except OSError as error:
        raise RetryableError(f"{service.host} has no address: {error}") from error
    family = found[0]["family"] if found else socket.AF_INET
    hosts = dict.fromkeys(each["host"] for each in found if each["family"] == family)
    if family == socket.AF_INET6:
        return "ipv6:" + ",".join(f"[{host}]:{service.port}" for host in hosts)
    return "ipv4:" + ",".join(f"{host}:{service.port}" for host in hosts)
