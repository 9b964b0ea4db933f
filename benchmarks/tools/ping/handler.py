"""The least a handler can do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ping.models import In, Out

if TYPE_CHECKING:
    from functions.host.context import Context


async def handle(request: In, context: Context) -> Out:
    """Add one."""
    del context
    return Out(n=request.n + 1)
