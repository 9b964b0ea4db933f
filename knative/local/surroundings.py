"""What a service's process is given: its environment and its command line."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

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
        argv = service.annotations.command or (*service.container.command, *service.container.args)
        return Command(
            name=service.name,
            argv=_executable(argv, forked=_module(deployment) is not None),
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
        inherited = self.environment.get("PYTHONPATH", "")
        own = str(deployment.root) if deployment.root in self.tools else ""
        return os.pathsep.join(part for part in (own, inherited) if part)


def _module(deployment: Deployment) -> str | None:
    """Return the module of `python -m MODULE ...`, if a template may run it."""
    annotations = deployment.service.annotations
    command = annotations.command or ()
    if annotations.preload and len(command) > 2 and command[0] in _PYTHONS and command[1] == "-m":  # noqa: PLR2004
        return command[2]
    return None


def _executable(argv: Sequence[str], *, forked: bool) -> tuple[str, ...]:
    if forked:
        return tuple(argv[2:])
    if argv and argv[0] in _PYTHONS:
        return (sys.executable, *argv[1:])
    return tuple(argv)
