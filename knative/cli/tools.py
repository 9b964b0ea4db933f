"""`tendril new tool`: a folder to start a tool from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from knative.cli import options
from knative.cli.console import emit, progress, say
from knative.cli.exits import EXPLAINED, UsageError
from knative.cli.functions import said_by
from knative.cli.scaffold import named, render, taken

app = typer.Typer(
    help="Start something new.", no_args_is_help=True, rich_markup_mode=None, epilog=EXPLAINED
)


@app.callback()
def _new() -> None:
    """Keep `tool` a command of its own although it is the only one."""


@app.command(epilog=EXPLAINED)
def tool(
    name: Annotated[str, typer.Argument(help="Like word-count.", show_default=False)],
    into: Annotated[Path, typer.Option(help="The folder that gets the tool's folder.")] = Path(),
    json: options.Json = False,
) -> None:
    """Make a tool's folder: its models, handler, service, catalog entry, sample and tests."""
    wanted = named(name)
    folder = into / wanted.package
    if folder.exists():
        raise UsageError(f"{folder}: is there already; choose another name or --into")
    if taken(wanted):
        raise UsageError(f"'{name}' is taken by the DSL or by a Python module; choose another name")
    _write(folder, render(wanted))
    with progress("describing the tool"):
        said_by("functions.host.describe", str(folder), failed=f"{folder}: cannot be described")
    made = sorted(each.name for each in folder.iterdir() if each.is_file())
    if json:
        emit({"tool": wanted.service, "folder": str(folder), "files": made}, compact=True)
        return
    say(f"{folder}: {', '.join(made)}")
    say(f"test it:  python -m pytest {folder}")
    say(f"use it:   TENDRIL_TOOLS={into.resolve()} tendril up")


def _write(folder: Path, contents: Mapping[str, str]) -> None:
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise UsageError(f"{folder}: cannot be made: {error.strerror}") from error
    for name, content in contents.items():
        (folder / name).write_text(content, encoding="utf-8")
