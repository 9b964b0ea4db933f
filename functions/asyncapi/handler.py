"""The asyncapi tool's handler."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from functions.asyncapi.carrying import Call, Carrier
from functions.asyncapi.consuming import Consumer
from functions.asyncapi.content import validate, written
from functions.asyncapi.description import checked, find, unfit
from functions.asyncapi.models import In, Out, Settings
from functions.asyncapi.servers import choose
from functions.host.web.authenticated import fetched
from functions.host.web.documents import Documents
from functions.host.web.structured import loaded

if TYPE_CHECKING:
    from functions.asyncapi.description import Description
    from functions.host.context import Context


async def handle(request: In, context: Context) -> Out:
    """Publish a message to a channel that an AsyncAPI document describes, or consume messages.

    What the document or the message lacks is an error before anything is sent; a server that
    cannot be reached is asked again.
    """
    settings = await context.resources.once("settings", _settings)
    description = await _described(request, context, settings)
    operation = find(description, request)
    target = choose(description, operation, request)
    call = Call(target, operation, request.authentication, context, settings)
    carrier = _carrier(target.protocol)
    if request.message:
        payload = request.message.payload
        validate(description, operation, payload, "message")
        body, media = written(payload)
        await carrier.publish(call, body, media, request.message.headers)
        return Out(None)
    assert request.subscription
    assert context.evaluate
    fits = partial(validate, description, operation, what="consumed message")
    consumer = Consumer(request.subscription, context.evaluate, fits, settings)
    async with aclosing(carrier.subscribe(call)) as messages:
        return Out(await consumer.consume(messages))


async def _described(request: In, context: Context, settings: Settings) -> Description:
    given = request.document
    if given.endpoint is None:
        return checked(given.content, "the document")

    async def documents() -> Documents:
        return Documents(settings.limits, settings.document_seconds)

    known = await context.resources.once("documents", documents)
    document = await fetched(context, known, given.endpoint, settings.limits)
    try:
        root: Any = await asyncio.to_thread(loaded, document.content)
    except ValueError as error:
        raise unfit(f"{document.uri} is neither JSON nor YAML: {error}") from None
    return checked(root, document.uri)


def _carrier(protocol: str) -> Carrier:
    # lazy: each client is of one protocol, and most calls are of another
    return cast("Carrier", import_module(f"functions.asyncapi.over_{protocol}"))


async def _settings() -> Settings:
    return Settings()
