"""`tendril trace`: what happened in a run, hop by hop."""

from datetime import datetime
from typing import Annotated, Any

import typer

from knative.cli import options
from knative.cli.address import find
from knative.cli.client import FLOW, Platform, segment
from knative.cli.console import emit, say, table
from knative.cli.hops import REQUESTED, Hop, hops

COLUMNS = ("after", "task", "event", "tool", "start", "queued", "worked", "try", "outcome")
Run = Annotated[str, typer.Argument(help="The run's id.", show_default=False)]


def trace(run: Run, json: options.Json = False) -> None:
    """Show a run's hops: event, tool, cold or warm, time queued and at work, errors."""
    platform = Platform(find().url)
    path = f"{FLOW}/runs/{segment(run)}"
    found = platform.get(path)
    history = platform.get(f"{path}/history")["history"]
    if json:
        made = [hop.to_json() for hop in hops(history)]
        emit({"run": found, "hops": made, "history": history}, compact=True)
        return
    _print(found, hops(history))


def _print(run: dict[str, Any], made: list[Hop]) -> None:
    began = str(run.get("startedAt") or "")
    took = elapsed(began, str(run.get("endedAt") or ""))
    say(f"{run['id']}  {run['flow']}  {run['status']}" + (f" in {took}" if took else ""))
    if parent := run.get("parent"):
        say(f"started by run {parent['run']} at {parent['instance']}")
    if run.get("redriveOf"):
        say(f"redrives run {run['redriveOf']}, whose results it takes over")
    for successor in run.get("redrivenAs") or ():
        say(f"redriven on a newer version as run {successor}")
    table(COLUMNS, [row(hop, began) for hop in made], "no tool was called")
    error = run.get("error")
    if isinstance(error, dict):
        where = f" at {error['instance']}" if error.get("instance") else ""
        say(f"{error.get('title', 'Error')}{where}: {error.get('detail') or error.get('type')}")


def row(hop: Hop, began: str) -> tuple[str, ...]:
    """Return a hop as the cells of COLUMNS."""
    outcome = f"{hop.outcome}: {hop.error}" if hop.error else hop.outcome
    if hop.child:
        outcome = f"run {hop.child} {outcome}"
    return (
        elapsed(began, hop.at),
        hop.task,
        "task.requested" if hop.event == REQUESTED else hop.event,
        hop.tool or "",
        hop.temperature,
        milliseconds(hop.queued_ms),
        milliseconds(hop.work_ms),
        str(hop.attempt) if hop.tool else "",
        outcome,
    )


def milliseconds(value: float | None) -> str:
    """Return a duration given in milliseconds for people."""
    if value is None:
        return ""
    return f"{value / 1000:.1f} s" if value >= 1000 else f"{value:.0f} ms"  # noqa: PLR2004 - ms in s


def elapsed(began: str, at: str) -> str:
    """Return the time from one RFC 3339 instant to another; empty where one is unknown."""
    try:
        seconds = (datetime.fromisoformat(at) - datetime.fromisoformat(began)).total_seconds()
    except ValueError:
        return ""
    return milliseconds(max(0.0, seconds * 1000))
