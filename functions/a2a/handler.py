"""The a2a tool's handler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.a2a.card import Agent, agent
from functions.a2a.models import In, Out, Settings, uri_of
from functions.a2a.rpc import STREAMS, asked, results
from functions.host.web.documents import Documents
from functions.host.web.sending import send

if TYPE_CHECKING:
    from functions.host.context import Context


async def handle(request: In, context: Context) -> Out:
    """Send one request to an agent over A2A and return its result.

    An error that the agent answers is of type runtime; what keeps it from answering is of type
    communication, and retryable as for the http tool.
    """
    settings = await context.resources.once("settings", _settings)

    async def documents() -> Documents:
        return Documents(settings.limits, settings.card_seconds)

    if request.agent_card:
        cards = await context.resources.once("cards", documents)
        where = uri_of(request.agent_card.endpoint)
        found = agent(await cards.fetch(context.http, where))
    else:
        assert request.server
        found = Agent(uri_of(request.server))
    message = asked(found, request.method, request.parameters, context.idempotency_key)
    response = await send(context.http, message, settings.limits)
    answers = results(response, f"{request.method} at {found.url.partition('?')[0]}")
    return Out(answers if request.method in STREAMS else answers[0])


async def _settings() -> Settings:
    return Settings()
