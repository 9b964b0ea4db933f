"""The a2a tool's handler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.a2a.card import Agent, agent
from functions.a2a.models import In, Out, Settings
from functions.a2a.rpc import STREAMS, asked, results
from functions.host.web.authenticated import authenticated, fetched
from functions.host.web.documents import Documents
from functions.host.web.endpoint import endpoint
from functions.host.web.request import target
from functions.host.web.sending import send

if TYPE_CHECKING:
    from functions.host.context import Context
    from functions.host.web.policies import Policy
    from functions.host.web.request import Request


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
        place = request.agent_card.endpoint
        found = agent(await fetched(context, cards, place, settings.limits))
    else:
        assert request.server
        found = Agent(endpoint(request.server).uri)
    message = asked(found, request.method, request.parameters, context.idempotency_key)
    policy = _policy(request, message)
    async with authenticated(context, policy, message.url, settings.limits) as http:
        response = await send(http, message, settings.limits)
    answers = results(response, f"{request.method} at {found.url.partition('?')[0]}")
    return Out(answers if request.method in STREAMS else answers[0])


def _policy(request: In, message: Request) -> Policy | None:
    """Return how to authenticate to the agent.

    Where the specification leaves room: what the card's endpoint asks for is presented to the
    agent too where both are of one origin, as the card's policy is the only one there is then.
    """
    if request.agent_card is None:
        assert request.server
        return endpoint(request.server).authentication
    card = endpoint(request.agent_card.endpoint)
    same = target(card.uri, ()).origin() == message.url.origin()
    return card.authentication if same else None


async def _settings() -> Settings:
    return Settings()
