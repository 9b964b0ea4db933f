"""The openapi tool's handler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.host.web.authenticated import authenticated
from functions.host.web.response import output
from functions.host.web.sending import send
from functions.openapi.descriptions import Descriptions
from functions.openapi.models import In, Out, Settings
from functions.openapi.plan import plan
from functions.openapi.request import prepare

if TYPE_CHECKING:
    from functions.host.context import Context


async def handle(request: In, context: Context) -> Out:
    """Call an operation that an OpenAPI document describes and return its response's content.

    What the document or the parameters lack is an error before anything is sent; the response
    is judged as the http tool's.
    """
    settings = await context.resources.once("settings", _settings)

    async def descriptions() -> Descriptions:
        return Descriptions(settings.limits, settings.document_seconds)

    known = await context.resources.once("descriptions", descriptions)
    operation = plan(await known.get(context, request.document), request.operation_id)
    prepared = prepare(operation, request.parameters, context.idempotency_key)
    limits, policy = settings.limits, request.authentication
    async with authenticated(context, policy, prepared.url, limits) as http:
        response = await send(http, prepared, limits, redirect=request.redirect)
    return Out(output(prepared, response, request.output))


async def _settings() -> Settings:
    return Settings()
