"""Adds one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from newer.models import In, Out

if TYPE_CHECKING:
    from functions.host.context import Context


async def handle(request: In, _: Context) -> Out:
    """Return the number after it."""
    return Out(n=request.n + 1)
