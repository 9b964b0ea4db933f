"""The shell tool's handler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.host.process.confined import Program, run_confined
from functions.host.process.handling import handled
from functions.shell.models import In, Out, Settings

if TYPE_CHECKING:
    from functions.host.context import Context


async def handle(request: In, context: Context) -> Out:
    """Run a shell command, confined, and return what it said or how it ended.

    Refused unless an operator allows it. A status other than 0 is an error of type runtime,
    unless the status is asked for.
    """
    settings = await context.resources.once("settings", _settings)
    argv = ["/bin/sh", "-c", request.command, "sh", *request.argv]
    program = Program(argv, request.variables, request.fed)
    return await handled(request, settings, context, lambda: run_confined(program, settings))


async def _settings() -> Settings:
    return Settings()
