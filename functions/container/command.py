"""From what is asked to the engine's `create`; pure but for where a mounted folder really is.

Where the specification leaves room: a command is a text for the container's own /bin/sh, since the
reference's example is one, and arguments without a command follow the image's entry point. Ports
and volumes are mapped from the host's to the container's. A container is kept where no `lifetime`
says otherwise, and `after` counts from its start.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from events.errors import ErrorType, ToolError
from functions.host.process.asked import text
from functions.host.seconds import seconds

if TYPE_CHECKING:
    from functions.container.models import In, Settings

KEY: Final = "dev.tendril.key"
TASK: Final = "dev.tendril.task"
UNTIL: Final = "dev.tendril.until"
"""Labels: the idempotency key, the run and task, when it may be removed (seconds since 1970)."""

_PULL: Final = {"ifNotPresent": "missing", "always": "always", "never": "never"}
_PORT: Final = re.compile(r"[0-9]{1,5}(/(tcp|udp))?")
_VOLUME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_INSIDE: Final = re.compile(r"/[^:]*(:(ro|rw))?")


def create(request: In, settings: Settings, labels: dict[str, str], now: float) -> list[str]:
    """Return the arguments of the engine that make the container; ToolError for what is none."""
    given = ["create", f"--pull={_PULL[request.pull_policy]}"]
    given += [f"--name={request.name}"] if request.name else []
    given += ["--interactive"] if request.stdin is not None else []
    always = request.lifetime.cleanup == "always"
    given += ["--rm"] if always and not request.wait else []
    given += ["--security-opt=no-new-privileges"]
    given += [f"--pids-limit={settings.processes}"] if settings.processes else []
    given += [f"--memory={settings.memory}"] if settings.memory else []
    given += [f"--network={settings.network}"] if settings.network else []
    until = _until(request, now)
    labels = {**labels, **({UNTIL: str(until)} if until else {})}
    given += [f"--label={name}={value}" for name, value in labels.items()]
    given += [f"--env={name}={value}" for name, value in request.variables.items()]
    given += [_published(host, inside, settings) for host, inside in request.ports.items()]
    given += [_mounted(host, inside, settings) for host, inside in request.volumes.items()]
    if request.command is None:
        return [*given, request.image, *request.argv]
    shell = ["--entrypoint=/bin/sh", request.image, "-c", request.command, "sh"]
    return [*given, *shell, *request.argv]


def _until(request: In, now: float) -> int | None:
    if request.lifetime.cleanup != "eventually":
        return None
    after = request.lifetime.after
    try:
        return int(now + seconds(after))
    except (TypeError, ValueError, OverflowError) as error:
        raise _wrong(f"lifetime.after: {text(after)} is no duration such as PT30M") from error


def _published(host: str, inside: Any, settings: Settings) -> str:
    if not (_PORT.fullmatch(host) and _PORT.fullmatch(text(inside))):
        raise _wrong(f"ports: '{host}: {text(inside)}' are no ports such as '8080: 80'")
    return f"--publish={settings.publish}:{host}:{text(inside)}"


def _mounted(host: str, inside: str, settings: Settings) -> str:
    if not _INSIDE.fullmatch(inside):
        raise _wrong(f"volumes: '{inside}' is no path in the container, such as /data or /data:ro")
    if _VOLUME.fullmatch(host):
        return f"--volume={host}:{inside}"
    folder = Path(host).resolve()
    allowed = [Path(each).resolve() for each in settings.volumes.split(os.pathsep) if each]
    if ":" in host or not any(folder.is_relative_to(each) for each in allowed):
        raise ToolError(
            f"a container may not mount {host}: an operator can allow the folder with "
            "TENDRIL_CONTAINER_VOLUMES",
            type=ErrorType.AUTHORIZATION,
            title="Not allowed",
        )
    return f"--volume={folder}:{inside}"


def _wrong(reason: str) -> ToolError:
    return ToolError(reason, type=ErrorType.VALIDATION)
