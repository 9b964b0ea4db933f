"""`tendril up` and `tendril render`: the local runtime, and the manifests that it reads."""

import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from events import source
from knative import interpreter
from knative.cli import options
from knative.cli.child import command
from knative.cli.console import emit, note, say
from knative.cli.exits import CommandError, Exit, UsageError
from knative.cli.flows import parsed
from knative.local.folder import FolderInUse, held

if TYPE_CHECKING:
    from events.flow.syntax.run import Container


def up(
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="The one port of everything. Default: 8080."),
    ] = None,
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Run a platform on this machine until Ctrl-C."""
    from knative.cli import settings  # lazy: pydantic

    chosen = settings.platform()
    port, data = port or chosen.port, data or chosen.data
    _refuse_folder_in_use(data)
    _refuse_port_in_use(chosen.host, port)
    places = _places(f"http://{chosen.host}:{port}", data)
    if json:
        emit(places, compact=True)
    else:
        for name, place in places.items():
            say(f"{name:<12} {place}")
    sys.stdout.flush()
    arguments = command(port, data)
    os.execve(arguments[0], arguments, interpreter.environment())  # noqa: S606 - no shell is wanted


def render(
    flows: Annotated[
        list[Path] | None,
        typer.Argument(help="Flows whose containers are Jobs.", show_default=False),
    ] = None,
    namespace: Annotated[
        str | None, typer.Option(help="Written into each resource that names none.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Print the Knative resources that the local runtime reads and `kubectl apply` takes.

    With flows, also a JobSink for each container that they run, and the tool told to use them.
    """
    from knative.cli import settings  # lazy: pydantic
    from knative.render import render as rendered
    from knative.resources import ResourceError
    from knative.toolsets import ToolsetError

    chosen = settings.platform()
    containers = _containers(flows or [])
    if containers and namespace is None:
        raise UsageError("name the --namespace: the address of a flow's JobSinks says it")
    try:
        stream = rendered(chosen.tool_folders, chosen.manifest_paths, namespace, containers)
    except (ResourceError, ToolsetError) as error:
        raise UsageError(str(error)) from error
    if json:
        emit({"apiVersion": "v1", "kind": "List", "items": _documents(stream)}, compact=True)
    else:
        say(stream.rstrip("\n"))


def _containers(flows: list[Path]) -> "list[Container]":
    """Return the containers of flows that can be Jobs; of the others, stderr says why not."""
    from knative.jobs import containers  # lazy: pydantic

    found = []
    for file in flows:
        for each in containers(parsed(file)):
            if each.wrong is None:
                found.append(each.container)
            else:
                note(str(each.wrong))
    return found


def _documents(stream: str) -> list[Any]:
    return [document.value for document in source.read_all(stream)]


def _refuse_folder_in_use(data: Path) -> None:
    try:
        with held(data):
            pass
    except FolderInUse as error:
        raise UsageError(str(error)) from error
    except OSError as error:
        reason = f"{data}: cannot be the data folder: {error.strerror}; choose another with --data"
        raise UsageError(reason) from error


def _refuse_port_in_use(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = f"port {port} cannot be used: {error.strerror}; choose another with --port"
            raise CommandError(Exit.USAGE, reason) from error


def _places(url: str, data: Path) -> dict[str, str]:
    return {
        "platform": url,
        "broker": f"{url}/default/default",
        "flows": f"{url}/services/flow/flows",
        "runs": f"{url}/services/flow/runs",
        "webhooks": f"{url}/services/webhook/hooks/{{name}}",
        "model": f"{url}/services/inference/v1",
        "data": str(data.resolve()),
        "logs": str(data.resolve() / "logs"),
    }
