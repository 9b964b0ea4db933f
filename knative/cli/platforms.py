"""`tendril up` and `tendril render`: the local runtime, and the manifests that it reads."""

import os
import socket
import sys
from pathlib import Path
from typing import Annotated

import typer

from knative.cli import options
from knative.cli.address import DEFAULT_DATA
from knative.cli.child import command
from knative.cli.console import emit, say
from knative.cli.exits import CommandError, Exit

HOST = "127.0.0.1"


def up(
    port: Annotated[int, typer.Option(min=1, max=65535, help="The one port of everything.")] = 8080,
    data: Annotated[Path, typer.Option(help="Where everything is kept.")] = DEFAULT_DATA,
    json: options.Json = False,
) -> None:
    """Run a platform on this machine until Ctrl-C."""
    _refuse_port_in_use(port)
    places = _places(f"http://{HOST}:{port}", data)
    if json:
        emit(places, compact=True)
    else:
        for name, place in places.items():
            say(f"{name:<12} {place}")
    sys.stdout.flush()
    arguments = command(port, data)
    os.execv(arguments[0], arguments)  # noqa: S606 - no shell is wanted


def _refuse_port_in_use(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
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


def render(json: options.Json = False) -> None:
    """Print the Knative manifests that the local runtime reads and a cluster takes."""
    raise CommandError(Exit.FAILURE, "not here yet")
