"""The script tool's handler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.host.process.confined import run_confined
from functions.host.process.handling import handled
from functions.host.web.authenticated import fetched
from functions.host.web.documents import Documents
from functions.script.languages import program
from functions.script.models import In, Out, Settings

if TYPE_CHECKING:
    from functions.host.context import Context
    from functions.host.process.program import Ended


async def handle(request: In, context: Context) -> Out:
    """Run a script, confined, and return what it said or how it ended.

    Refused unless an operator allows it. A status other than 0 is an error of type runtime,
    unless the status is asked for.
    """
    settings = await context.resources.once("settings", _settings)

    async def run() -> Ended:
        code = await _code(request, settings, context)
        return await run_confined(program(request, code, settings.memory), settings)

    return await handled(request, settings, context, run)


async def _code(request: In, settings: Settings, context: Context) -> str:
    async def documents() -> Documents:
        return Documents(settings.source_limits, settings.source_seconds)

    if request.source is None:
        return request.code or ""
    sources = await context.resources.once("sources", documents)
    limits = settings.source_limits
    document = await fetched(context, sources, request.source.endpoint, limits)
    return document.content.decode("utf-8", "replace")


async def _settings() -> Settings:
    return Settings()
