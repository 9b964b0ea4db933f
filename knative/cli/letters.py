"""`tendril deadletters`: what could not be handled, and handling it after all."""

from typing import Annotated, Any

import typer

from knative.cli import options
from knative.cli.address import find
from knative.cli.client import FLOW, Platform, segment
from knative.cli.console import emit, note, progress, say, table
from knative.cli.exits import EXPLAINED, UsageError
from knative.cli.values import given

app = typer.Typer(
    help="Dead letters: list them, look at one, redrive them.",
    no_args_is_help=True,
    rich_markup_mode=None,
    epilog=EXPLAINED,
)
LETTERS = f"{FLOW}/deadletters"

Flow = Annotated[str | None, typer.Option(help="Only of this flow: NAMESPACE/NAME.")]
Tool = Annotated[str | None, typer.Option(help="Only of this tool.")]
Reason = Annotated[str | None, typer.Option(help="Only with this reason.")]
Identity = Annotated[str, typer.Argument(metavar="ID", help="The dead letter's id.")]


@app.command("list", epilog=EXPLAINED)
def list_(
    status: Annotated[
        str | None, typer.Option(help="Only open, redriven, caught or discarded ones.")
    ] = None,
    flow: Flow = None,
    tool: Tool = None,
    reason: Reason = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    json: options.Json = False,
) -> None:
    """List dead letters, the newest first."""
    query = {"status": status, "flow": flow, "tool": tool, "reason": reason, "limit": limit}
    found = Platform(find().url).get(LETTERS, **query)
    if json:
        emit(found, compact=True)
        return
    keys = ("id", "status", "storedAt", "tool", "task", "run", "code", "reason")
    rows = [[each.get(key) for key in keys] for each in found["deadletters"]]
    table(("id", "status", "stored", *keys[3:]), rows, "no dead letters")


@app.command(epilog=EXPLAINED)
def show(identity: Identity, json: options.Json = False) -> None:
    """Print one dead letter with its event and data."""
    emit(Platform(find().url).get(f"{LETTERS}/{segment(identity)}"), compact=json)


@app.command(epilog=EXPLAINED)
def redrive(
    identity: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="One dead letter.", show_default=False)
    ] = None,
    input_: Annotated[
        str | None, typer.Option("--input", help="Another input for the task: JSON, @file or -.")
    ] = None,
    flow_version: Annotated[
        str | None,
        typer.Option(
            "--flow-version",
            metavar="VERSION",
            help="Go on with a new run on this newer version of the flow; results of unchanged "
            "tasks are taken over.",
        ),
    ] = None,
    flow: Flow = None,
    tool: Tool = None,
    reason: Reason = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say which ones.")] = False,
    json: options.Json = False,
) -> None:
    """Try again from the task that failed: one dead letter by id, or many by filter."""
    chosen = {"flow": flow, "tool": tool, "reason": reason}
    filters = {name: value for name, value in chosen.items() if value is not None}
    if (identity is None) == (not filters):
        raise UsageError("give one dead letter's id, or at least one of --flow, --tool, --reason")
    platform = Platform(find().url)
    if identity is None:
        if input_ is not None or flow_version is not None:
            raise UsageError("--input and --flow-version are for one dead letter: give its id")
        _many(platform, filters, dry_run=dry_run, json=json)
    elif dry_run:
        raise UsageError("--dry-run goes with filters: --flow, --tool, --reason")
    elif input_ is not None and flow_version is not None:
        raise UsageError("--input corrects the run as it is, --flow-version makes a new one")
    else:
        body = {} if flow_version is None else {"flowVersion": flow_version}
        if input_ is not None:
            body = {"input": given(input_, "--input")}
        _one(platform, identity, body, json=json)


def resend(platform: Platform, identity: str, body: dict[str, Any]) -> dict[str, Any]:
    """Redrive one dead letter; return its id and the run that goes on.

    `body` may carry another `input`, or a newer `flowVersion`.
    """
    import json as codec

    path = f"{LETTERS}/{segment(identity)}/redrive"
    redriven: dict[str, Any] = platform.post(path, codec.dumps(body).encode()).json()
    return redriven


def _one(platform: Platform, identity: str, body: dict[str, Any], *, json: bool) -> None:
    redriven = resend(platform, identity, body)
    if json:
        emit(redriven, compact=True)
    else:
        run = redriven.get("run")
        say(f"redriven {identity}" + (f"; see `tendril trace {run}`" if run else ""))


def _many(platform: Platform, filters: dict[str, str], *, dry_run: bool, json: bool) -> None:
    import json as codec

    body = codec.dumps({"filter": filters, "dryRun": dry_run}).encode()
    with progress("redriving"):
        result = platform.post(f"{LETTERS}/redrive", body).json()
    if json:
        emit(result, compact=True)
        return
    refused = {each["id"]: each.get("reason") for each in result.get("refused") or ()}
    redriven = set(result.get("redriven") or ())
    rows = [(each, _fate(each, redriven, refused)) for each in result.get("selected") or ()]
    table(("id", "result"), rows, "no dead letter fits the filter")
    if dry_run and rows:
        note("dry run: nothing was redriven")


def _fate(identity: str, redriven: set[str], refused: dict[str, str | None]) -> str:
    if identity in redriven:
        return "redriven"
    return f"refused: {refused[identity]}" if identity in refused else "selected"
