"""The llm tool's handler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from events.errors import ErrorType, ToolError
from functions.host.settings import Settings as HostSettings
from functions.llm.client import Client
from functions.llm.completion import question
from functions.llm.fallback import ask
from functions.llm.models import In, Out, Usage
from functions.llm.settings import Settings

if TYPE_CHECKING:
    from functions.host.context import Context


async def handle(request: In, context: Context) -> Out:
    """Ask a language model and return its answer, as text or as JSON of a given schema.

    The configured providers are asked in order until one answers. When none does, the error
    is retryable and waits for the soonest of them; a refusal of the request is terminal.
    """
    asked = question(request)
    client = await context.resources.once("client", _client, Client.close)
    answer, attempts = await ask(client, request, asked, context)
    return Out(
        text=answer.text,
        json_=answer.value,
        model=answer.model or attempts[-1].model,
        provider=attempts[-1].provider,
        finish_reason=answer.finish_reason,
        usage=Usage(
            input_tokens=answer.input_tokens,
            output_tokens=answer.output_tokens,
            total_tokens=answer.total_tokens,
        ),
        attempts=attempts,
    )


async def _client() -> Client:
    try:
        return Client(Settings(), HostSettings())
    except ValidationError as error:
        detail = f"the llm tool's settings (TENDRIL_LLM_*) are wrong: {error}"
        raise ToolError(detail, type=ErrorType.CONFIGURATION) from None
