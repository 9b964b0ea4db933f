"""What an answer may use of a budget at the most: tokens, and their price by configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

from functions.host.ledger.rows.budget import Spend
from functions.host.settings import Settings as HostSettings
from functions.llm.fallback import chosen
from functions.llm.prompt import messages
from functions.llm.settings import Settings

if TYPE_CHECKING:
    from functions.host.context import Context
    from functions.llm.models import In

_AROUND: Final = 32
"""Tokens that a model's own form of a conversation adds to each message, and a few more."""


async def reserve(request: In, _: Context) -> Spend:
    """Return the most that an answer may use, whichever provider gives it.

    A token is a byte at least, so a question has no more tokens than bytes; pictures that it only
    refers to are not known here.
    """
    said = messages(request)
    question = len(orjson.dumps(said)) + _AROUND * (len(said) + 1)
    chain = Settings().chain(HostSettings().services)
    asked = [provider for provider, _ in chosen(chain, request)]
    cost = max(provider.price(question, request.max_tokens) for provider in asked)
    return Spend(1, question + request.max_tokens, cost)
