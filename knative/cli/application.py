"""The commands put together, and their errors turned into exit codes."""

import json
from typing import Annotated

import typer

from knative.cli import (
    approvals,
    explaining,
    flows,
    letters,
    logs,
    platforms,
    runs,
    send,
    status,
    steering,
    tools,
    tracing,
)
from knative.cli.demo import command as demo
from knative.cli.exits import EXPLAINED, CommandError, Exit
from knative.cli.testing import command as testing

HELP = (
    "LLM applications as flows of tools, woken by events. Start with `tendril demo`, "
    "or with `tendril up` in one terminal and `tendril deploy FILE` in another."
)


def build() -> typer.Typer:
    """Return the whole command line."""
    app = typer.Typer(
        name="tendril",
        help=HELP,
        epilog=EXPLAINED,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(_version)
    app.command("up", epilog=EXPLAINED)(platforms.up)
    app.command("demo", epilog=EXPLAINED)(demo.demo)
    for command in (
        flows.check,
        flows.show,
        flows.deploy,
        flows.flows,
        runs.run,
        runs.runs,
        send.send,
    ):
        app.command(epilog=EXPLAINED)(command)
    app.command("test", epilog=EXPLAINED)(testing.rehearse)
    app.command("trace", epilog=EXPLAINED)(tracing.trace)
    for steered in (steering.suspend, steering.resume, steering.cancel):
        app.command(epilog=EXPLAINED)(steered)
    app.command("explain", epilog=EXPLAINED)(explaining.explain)
    app.command("logs", epilog=EXPLAINED)(logs.logs)
    app.command("render", epilog=EXPLAINED)(platforms.render)
    app.command("status", epilog=EXPLAINED)(status.status)
    app.add_typer(approvals.app, name="approvals")
    app.add_typer(letters.app, name="deadletters")
    app.add_typer(tools.app, name="new")
    return app


def execute(arguments: list[str]) -> int:
    """Run one command line; return its exit code."""
    try:
        result = build()(arguments, standalone_mode=True)
    except CommandError as error:
        _report(error)
        return error.code
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else Exit.FAILURE
    return result if isinstance(result, int) else Exit.OK


def _report(error: CommandError) -> None:
    """Say on stderr what went wrong: a problem as problem+json and nothing else, or a line."""
    if error.problem is None:
        typer.echo(error.message, err=True)
    else:
        typer.echo(json.dumps(error.problem, ensure_ascii=False, indent=2), err=True)


def _version(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit; --json goes with it.")
    ] = False,
) -> None:
    if version:
        from knative.cli.main import run  # the one place that knows how

        raise typer.Exit(run(["--version"]))
