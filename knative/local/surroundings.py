"""What a service's process is given: its environment and its command line."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from knative import interpreter
from knative.local.process import Command

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from knative.toolsets import Deployment

_PYTHONS: Final = ("python", "python3")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The platform as its services see it; `url` has no trailing slash."""

    url: str
    data: Path
    folder: Path
    broker: str = "default/default"
    tools: Sequence[Path] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def log(self, service: str) -> Path:
        """Return the file that a service's output goes to."""
        return self.data / "logs" / f"{service}.log"

    def command(self, deployment: Deployment, port: int) -> Command:
        """Return what starts `deployment` on `port`."""
        service = deployment.service
        return Command(
            name=service.name,
            argv=_executable(_argv(deployment), forked=_module(deployment) is not None),
            environment=self._variables(deployment, port),
            folder=self.folder,
            log=self.log(service.name),
            module=_module(deployment),
        )

    def _variables(self, deployment: Deployment, port: int) -> dict[str, str]:
        name = deployment.service.name
        return {
            **self.environment,
            **deployment.service.environment(),
            "PORT": str(port),
            "K_SERVICE": name,
            "K_CONFIGURATION": name,
            "K_REVISION": f"{name}-00001",
            "K_SINK": f"{self.url}/{self.broker}",
            "TENDRIL_DATA": str(self.data),
            "TENDRIL_HOST": "127.0.0.1",  # the platform alone faces the outside
            "TENDRIL_SERVICES": f"{self.url}/services/{{name}}",
            "TENDRIL_TOOLS": os.pathsep.join(map(str, self.tools)),
            "PYTHONPATH": self._path(deployment),
            "PYTHONUNBUFFERED": "1",
        }

    def _path(self, deployment: Deployment) -> str:
        """Return the PYTHONPATH: ours first, so that no tool's neighbour takes our names."""
        inherited = self.environment.get("PYTHONPATH", "")
        if deployment.root not in self.tools:
            return interpreter.search_path(inherited)
        started = _is_module(_argv(deployment)) and not _module(deployment)
        # where `python -m` looks without `-P`; a process that is forked looks there last
        folder = str(self.folder) if started else ""
        return interpreter.search_path(str(deployment.root), inherited, folder)


def _argv(deployment: Deployment) -> tuple[str, ...]:
    service = deployment.service
    return tuple(
        service.annotations.command or (*service.container.command, *service.container.args)
    )


def _is_module(argv: Sequence[str]) -> bool:
    return len(argv) > 2 and argv[0] in _PYTHONS and argv[1] == "-m"  # noqa: PLR2004


def _module(deployment: Deployment) -> str | None:
    """Return the module of `python -m MODULE ...`, if a template may run it."""
    annotations = deployment.service.annotations
    command = annotations.command or ()
    return command[2] if annotations.preload and _is_module(command) else None


def _executable(argv: Sequence[str], *, forked: bool) -> tuple[str, ...]:
    if forked:
        return tuple(argv[2:])
    if argv and argv[0] in _PYTHONS:
        # a script's folder is its own; a module's would be the one that the platform runs in
        safe = ("-P",) if _is_module(argv) else ()
        return (sys.executable, *safe, *argv[1:])
    return tuple(argv)
