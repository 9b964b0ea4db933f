"""`tendril approvals`: what flows ask people, and answering it."""

from typing import Annotated, Any

import typer

from knative.cli import options
from knative.cli.address import find
from knative.cli.client import FLOW, Platform, segment
from knative.cli.console import emit, say, table
from knative.cli.exits import EXPLAINED
from knative.cli.values import given

app = typer.Typer(
    help="Approvals: list what people are asked, look at one, answer it.",
    no_args_is_help=True,
    rich_markup_mode=None,
    epilog=EXPLAINED,
)
APPROVALS = f"{FLOW}/approvals"

Identity = Annotated[str, typer.Argument(metavar="ID", help="The approval's id.")]
Groups = Annotated[
    list[str] | None, typer.Option("--group", help="A group you are in; may be repeated.")
]


@app.command("list", epilog=EXPLAINED)
def list_(
    assignee: Annotated[
        str | None, typer.Option(help="Only what this user or group may answer.")
    ] = None,
    run: Annotated[
        str | None, typer.Option(help="Only of this run, and of those that it awaits.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    json: options.Json = False,
) -> None:
    """List open approvals, the longest open first."""
    found = Platform(find().url).get(APPROVALS, assignee=assignee, run=run, limit=limit)
    if json:
        emit(found, compact=True)
        return
    columns = ("id", "title", "for", "since", "due", "flow")
    rows = [
        [
            each["id"],
            each["title"] or each["task"].rpartition("/")[2],
            ", ".join(each["assignees"]) or "anybody",
            each["since"],
            each["due"],
            each["flow"],
        ]
        for each in found["approvals"]
    ]
    table(columns, rows, "no open approvals")


@app.command(epilog=EXPLAINED)
def show(identity: Identity, json: options.Json = False) -> None:
    """Print one approval: what it is about, the schema of its answer, and its answer."""
    emit(Platform(find().url).get(f"{APPROVALS}/{segment(identity)}"), compact=json)


@app.command(epilog=EXPLAINED)
def answer(
    identity: Identity,
    data: Annotated[str, typer.Option("--data", help="The answer: JSON, @file or -.")],
    by: Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who answers.")] = None,
    group: Groups = None,
    json: options.Json = False,
) -> None:
    """Answer an approval, once: the same answer again is the same, another one is refused."""
    import json as codec

    body: dict[str, Any] = {"answer": given(data, "--data"), "groups": group or []}
    if by is not None:
        body["by"] = by
    path = f"{APPROVALS}/{segment(identity)}"
    answered = Platform(find().url).post(path, codec.dumps(body).encode()).json()
    if json:
        emit(answered, compact=True)
        return
    later = "; the run is suspended and goes on when it is resumed" if answered["suspended"] else ""
    say(
        f"answered {answered['title'] or answered['task']}{later}; see `tendril trace "
        f"{answered['run']}`"
    )
