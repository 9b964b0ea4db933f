"""The http tool's handler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.host.web.authenticated import authenticated
from functions.host.web.endpoint import endpoint
from functions.host.web.response import output
from functions.host.web.sending import send
from functions.http.models import In, Out, Settings
from functions.http.request import prepare

if TYPE_CHECKING:
    from functions.host.context import Context


async def handle(request: In, context: Context) -> Out:
    """Call an HTTP endpoint and return its response's content.

    Statuses other than the DSL's successes, broken connections and timeouts are errors of
    type communication; those that another attempt may mend are retryable.
    """
    settings = await context.resources.once("settings", _settings)
    prepared = prepare(request, context.idempotency_key)
    limits, policy = settings.limits, endpoint(request.endpoint).authentication
    async with authenticated(context, policy, prepared.url, limits) as http:
        response = await send(http, prepared, limits, redirect=request.redirect)
    return Out(output(prepared, response, request.output))


async def _settings() -> Settings:
    return Settings()
