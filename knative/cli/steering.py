"""`tendril suspend`, `resume` and `cancel`: people steer a run."""

from typing import Annotated

import typer

from knative.cli import options
from knative.cli.address import find
from knative.cli.client import FLOW, Platform, segment
from knative.cli.console import emit, say

Run = Annotated[str, typer.Argument(help="The run's id.", show_default=False)]


def suspend(run: Run, json: options.Json = False) -> None:
    """Let a run go no further than what its tools are doing now."""
    _steer(run, "suspend", f"suspended; `tendril resume {run}` lets it go on", json=json)


def resume(run: Run, json: options.Json = False) -> None:
    """Let a suspended run go on from where it stands."""
    _steer(run, "resume", f"goes on; see `tendril trace {run}`", json=json)


def cancel(run: Run, json: options.Json = False) -> None:
    """End a run: what it has out is closed, and no result of it counts any more."""
    _steer(run, "cancel", "cancelled", json=json)


def _steer(run: str, what: str, done: str, *, json: bool) -> None:
    steered = Platform(find().url).post(f"{FLOW}/runs/{segment(run)}/{what}").json()
    if json:
        emit(steered, compact=True)
    else:
        say(f"{run}  {steered['flow']}  {done}")
