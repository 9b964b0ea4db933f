"""The container tool's handler."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from functions.container.engine import installed
from functions.container.jobs import refusal
from functions.container.lifecycle import Container, sweep
from functions.container.models import In, Out, Settings
from functions.host.process.asked import output

if TYPE_CHECKING:
    from functions.host.context import Context


async def handle(request: In, context: Context) -> Out:
    """Run a container with this machine's podman or docker; return what it said or how it ended.

    A status other than 0 is an error of type runtime, unless the status is asked for.
    """
    settings = await context.resources.once("settings", _settings)
    if settings.jobs:
        raise refusal(request)
    engine = installed(settings)
    await sweep(engine, time.time())
    container = Container.of(request, context, engine, settings)
    if request.wait:
        return output(request, await container.ended())
    await container.begun()
    return Out(None)


async def _settings() -> Settings:
    return Settings()
