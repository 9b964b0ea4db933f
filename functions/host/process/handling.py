"""From what is asked to its answer: allowed or refused, awaited or let run on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from events.errors import ErrorType, ToolError
from functions.host.process.asked import Asked, Out, output
from functions.host.process.detached import Detached

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from functions.host.context import Context
    from functions.host.process.program import Ended
    from functions.host.process.settings import Allowance


async def handled(
    asked: Asked, allowance: Allowance, context: Context, run: Callable[[], Awaitable[Ended]]
) -> Out:
    """Return what `run` ends with, or at once where its end is not awaited.

    ToolError (authorization) where the operator does not allow it.
    """
    if not allowance.allow:
        setting = f"{allowance.model_config.get('env_prefix')}ALLOW"
        raise ToolError(
            f"programs of flows are not run here: an operator can allow it with {setting}=true",
            type=ErrorType.AUTHORIZATION,
            title="Not allowed",
        )
    if asked.wait:
        return output(asked, await run())
    (await Detached.of(context)).start(run(), context)
    return Out(None)
