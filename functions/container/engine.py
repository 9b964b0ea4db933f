"""The container engine of this machine, by its command line: podman and docker share it."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from events.errors import ErrorType, ToolError
from functions.host.process.program import run

if TYPE_CHECKING:
    from functions.container.models import Settings
    from functions.host.process.program import Bounds, Ended

_ENGINES: Final = ("podman", "docker")
_ENVIRONMENT: Final = ("PATH", "HOME", "USER", "LANG", "TMPDIR", "REGISTRY_AUTH_FILE")
_PREFIXES: Final = ("XDG_", "DBUS_", "DOCKER_", "CONTAINER", "PODMAN_", "STORAGE_")


@dataclass(frozen=True, slots=True)
class Engine:
    """An installed engine; it gets the variables that concern it, and none of ours."""

    path: str
    bounds: Bounds

    async def say(self, *arguments: str) -> str:
        """Return what a command of the engine says; ToolError (runtime) where it fails."""
        ended = await self.run(*arguments)
        if ended.code:
            reason = ended.stderr.strip() or f"status {ended.code}"
            raise ToolError(f"{self.path} {arguments[0]}: {reason}", title="No container")
        return ended.stdout.strip()

    async def run(self, *arguments: str, stdin: str | None = None) -> Ended:
        """Return how a command of the engine ends."""
        variables = {
            name: value
            for name, value in os.environ.items()
            if name in _ENVIRONMENT or name.startswith(_PREFIXES)
        }
        return await run([self.path, *arguments], variables, self.bounds, stdin=stdin)


def installed(settings: Settings) -> Engine:
    """Return this machine's engine; ToolError (configuration) where it has none."""
    wanted = (settings.engine,) if settings.engine else _ENGINES
    for name in wanted:
        if path := shutil.which(name):
            return Engine(path, settings.bounds)
    raise ToolError(
        f"no {' or '.join(wanted)} is installed where this service runs, which containers take; "
        "install one there, or name it with TENDRIL_CONTAINER_ENGINE",
        type=ErrorType.CONFIGURATION,
    )
