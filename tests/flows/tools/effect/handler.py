"""Posts once for each call, under the task's idempotency key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp

from effect.models import In, Out
from events.errors import RetryableError

if TYPE_CHECKING:
    from functions.host.context import Context


async def handle(request: In, context: Context) -> Out:
    """Cause one side effect."""
    headers = {"Idempotency-Key": context.idempotency_key}
    body = request.model_dump(exclude={"url"}, exclude_defaults=True)
    try:
        async with context.http.post(request.url, json=body, headers=headers) as response:
            return Out.model_validate(await response.json())
    except aiohttp.ClientError as error:
        raise RetryableError(f"{request.url}: {error}") from error
