"""The grpc tool's handler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.grpc.models import In, Out, Settings
from functions.grpc.presenting import presenting
from functions.host.egress import CheckedResolver, EgressPolicy
from functions.host.settings import Settings as HostSettings
from functions.host.web.credentials import credentials

if TYPE_CHECKING:
    from functions.grpc.calling import Metadata
    from functions.host.context import Context


async def handle(request: In, context: Context) -> Out:
    """Call a method of a gRPC service that a proto document describes and return its answer.

    What the document or the arguments lack is an error before anything is sent; statuses other
    than OK are of type communication, retryable where the server did not do it.
    """
    # lazy: gRPC takes 20 MB, which no idle platform needs
    from functions.grpc.calling import ask
    from functions.grpc.channel import opened
    from functions.grpc.protos import Protos

    settings = await context.resources.once("settings", _settings)

    async def protos() -> Protos:
        return Protos(settings)

    known = await context.resources.once("protos", protos)
    services = await known.get(request.proto, context)
    method = services.method(request.service.name, request.method)
    message = method.message(request.arguments)
    resolver = await context.resources.once("resolver", _resolver)
    channel = await opened(request.service, resolver, settings)
    metadata = (("idempotency-key", context.idempotency_key),)
    async with channel:

        async def asked(more: Metadata) -> Out:
            return Out(await ask(channel, method, message, metadata + more, settings.limits))

        policy = request.service.authentication
        if policy is None:
            return await asked(())
        return await presenting(await credentials(context, policy, settings.limits), asked)


async def _settings() -> Settings:
    return Settings()


async def _resolver() -> CheckedResolver:
    return CheckedResolver(EgressPolicy.parse(HostSettings().egress_allow))
