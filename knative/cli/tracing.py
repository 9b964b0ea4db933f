"""`tendril trace`: a run as the tree of what led to what, and what each hop took."""

from typing import Annotated, Any

import typer

from knative.cli import options
from knative.cli.address import find
from knative.cli.client import FLOW, Platform, segment
from knative.cli.console import emit, say, table
from knative.cli.measures import amount, elapsed, milliseconds
from knative.cli.missing import reasons
from knative.cli.tree import COLUMNS, lines

Run = Annotated[str, typer.Argument(help="The run's id.", show_default=False)]


def trace(run: Run, json: options.Json = False) -> None:
    """Show a run's hops: what caused them, time queued, starting and at work, errors, usage."""
    platform = Platform(find().url)
    found = platform.get(f"{FLOW}/runs/{segment(run)}/trace")
    why = reasons(platform, found["hops"])
    if json:
        emit({**found, "missing": why}, compact=True)
        return
    _print(found, why)


def _print(found: dict[str, Any], why: dict[str, str]) -> None:
    run = found["run"]
    began = str(run.get("startedAt") or "")
    took = elapsed(began, str(run.get("endedAt") or ""))
    say(f"{run['id']}  {run['flow']}  {run['status']}" + (f" in {took}" if took else ""))
    if parent := run.get("parent"):
        say(f"started by run {parent['run']} at {parent['instance']}")
    if run.get("redriveOf"):
        say(f"redrives run {run['redriveOf']}, whose results it takes over")
    for successor in run.get("redrivenAs") or ():
        say(f"redriven as run {successor}")
    table(COLUMNS, lines(found["hops"], began), "no tool was called")
    for each in run.get("approvals") or ():
        say(_approval(each), "yellow")
    for instance, reason in why.items():
        say(f"! {instance}: {reason}", "yellow")
    if found["hops"]:
        say(_totals(found["totals"]))
    if isinstance(run.get("budget"), dict):
        say(_budget(run["budget"]))
    error = run.get("error")
    if isinstance(error, dict):
        where = f" at {error['instance']}" if error.get("instance") else ""
        said = error.get("detail") or error.get("type")
        say(f"{error.get('title', 'Error')}{where}: {said}", "red")


def _approval(asked: dict[str, Any]) -> str:
    """Return who is waited for, and how they answer."""
    who = ", ".join(asked["assignees"]) or "anybody"
    title = asked["title"] or asked["task"].rpartition("/")[2]
    return f"waits for {who}: {title}; `tendril approvals answer {asked['id']} --data JSON`"


def _totals(totals: dict[str, Any]) -> str:
    parts = [
        f"{totals['attempts']} attempt" + ("" if totals["attempts"] == 1 else "s"),
        f"queued {milliseconds(totals['queuedMs'])}",
        f"starting {milliseconds(totals['coldMs'])}",
        f"working {milliseconds(totals['workMs'])}",
        *(f"{name.replace('_', ' ')} {amount(value)}" for name, value in totals["usage"].items()),
    ]
    return "in all: " + ", ".join(parts)


def _budget(given: dict[str, Any]) -> str:
    """Return what is used of a budget, and what of."""
    used, parts = given["used"], []
    for name in ("calls", "tokens", "cost"):
        limit = given.get(name)
        if limit is not None or used[name]:
            parts.append(f"{used[name]}{'' if limit is None else f' of {limit}'} {name}")
    if given.get("until"):
        parts.append(f"until {given['until']}")
    return f"budget of run {given['run']}: {', '.join(parts) or 'nothing used'}"
