"""Runs: start one and wait for its output, list them."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from knative.cli import options
from knative.cli.address import find
from knative.cli.client import FLOW, Platform, segment, with_query
from knative.cli.console import aside, emit, progress, table
from knative.cli.exits import CommandError, Exit, Unreachable, UsageError
from knative.cli.values import given

ENDED = frozenset({"completed", "faulted", "cancelled"})
LONGEST_WAIT = 10.0
"""Seconds that starting a run waits for its end; the client asks again after that."""
GONE: Final = "its platform is gone with it; start one with `tendril up` to trace runs"

Target = Annotated[
    str,
    typer.Argument(
        metavar="NAMESPACE/NAME[:VERSION]|FILE",
        help="A deployed flow, or a flow file: it is checked and deployed first, on a platform "
        "of its own where none is up.",
        show_default=False,
    ),
]
Input = Annotated[str, typer.Option("--input", help="The run's input: JSON, @file or - (stdin).")]
Timeout = Annotated[float, typer.Option("--timeout", min=0, help="Seconds to wait for the end.")]


def run(
    target: Target,
    input_: Input = "{}",
    wait: Annotated[bool, typer.Option(help="Wait for the output, or print the run.")] = True,
    timeout: Timeout = 300.0,
    key: Annotated[
        str | None, typer.Option("--idempotency-key", help="The same key starts the run once.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Run a flow and print its output as JSON."""
    value = given(input_, "--input")
    with _ready(target, wait=wait) as (platform, reference, lasting):
        patience = min(timeout, LONGEST_WAIT) if wait else 0.0
        with progress("running"):
            started = start(platform, reference, value, key, patience)
        if not wait:
            emit(started, compact=json)
            return
        finished = follow(platform, started, timeout)
    emit(outcome(finished, timeout, lasting=lasting), compact=json)


def runs(
    flow: Annotated[str | None, typer.Option(help="Only runs of NAMESPACE/NAME.")] = None,
    status: Annotated[
        str | None, typer.Option(help="Only runs in this state, such as waiting.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20,
    json: options.Json = False,
) -> None:
    """List runs, the newest first."""
    query = {"flow": flow, "status": status, "limit": limit}
    found = Platform(find().url).get(f"{FLOW}/runs", **query)
    if json:
        emit(found, compact=True)
        return
    columns = ("run", "flow", "status", "started", "ended", "parent")
    rows = [
        [
            each["id"],
            each.get("flow"),
            each["status"],
            each.get("startedAt"),
            each.get("endedAt"),
            (each.get("parent") or {}).get("run"),
        ]
        for each in found["runs"]
    ]
    table(columns, rows, "no runs")


def start(
    platform: Platform, reference: str, value: Any, key: str | None, patience: float
) -> dict[str, Any]:
    """Start a run of `namespace/name[:version]`; return it after `patience` seconds at most."""
    import json as codec

    namespace, name, version = split(reference)
    path = f"{FLOW}/flows/{segment(namespace)}/{segment(name)}/runs"
    headers = {"prefer": f"wait={int(patience)}"} if patience >= 1 else {}
    if key:
        headers["idempotency-key"] = key
    body = codec.dumps(value).encode()
    reply = platform.post(with_query(path, {"version": version}), body, headers)
    started: dict[str, Any] = reply.json()
    return started


def follow(
    platform: Platform,
    run: dict[str, Any],
    timeout: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Return the run once it ended, or as it is after `timeout` seconds."""
    deadline, pause = clock() + timeout, 0.02
    with progress(f"run {run['id']}"):
        while run["status"] not in ENDED and clock() < deadline:
            sleep(min(pause, max(0.0, deadline - clock())))
            pause = min(pause * 1.5, 0.5)
            run = platform.get(f"{FLOW}/runs/{segment(run['id'])}")
    return run


def outcome(run: dict[str, Any], timeout: float, *, lasting: bool = True) -> Any:
    """Return a completed run's output; end the command with the right code otherwise.

    A `lasting` platform still knows the run when the command has ended.
    """
    if run["status"] == "completed":
        return run.get("output")
    look = f"see `tendril trace {run['id']}`" if lasting else GONE
    if run["status"] in ENDED:
        raise failed(run, look)
    waited = f"run {run['id']} is still {run['status']} after {timeout:g} s; {look}"
    raise CommandError(Exit.RUNNING, waited)


def failed(run: dict[str, Any], hint: str) -> CommandError:
    """Return how a command ends whose run faulted or was cancelled.

    The problem is the run's error with two members more: `run`, its id, and `hint`.
    """
    problem = {**_error(run), "run": run["id"], "hint": hint}
    return CommandError(Exit.FAULTED, f"run {run['id']} {run['status']}; {hint}", problem)


def split(reference: str) -> tuple[str, str, str | None]:
    """Return namespace, name and version (None: the newest) of `namespace/name[:version]`."""
    path, _, version = reference.partition(":")
    namespace, slash, name = path.partition("/")
    if not (slash and namespace and name) or "/" in name:
        hint = "expected NAMESPACE/NAME[:VERSION] or a file ending in .yaml, .yml or .json"
        raise UsageError(f"'{reference}' names no flow: {hint}")
    return namespace, name, version or None


def _error(run: dict[str, Any]) -> dict[str, Any]:
    if isinstance(run.get("error"), dict):
        return dict(run["error"])
    return {"type": "about:blank", "title": f"Run {run['status']}", "instance": run["id"]}


@contextmanager
def _ready(target: str, *, wait: bool) -> Iterator[tuple[Platform, str, bool]]:
    """Give the platform, the flow's reference, and whether the platform outlives the command.

    A file is checked and deployed on the way.
    """
    if Path(target).suffix not in {".yaml", ".yml", ".json"}:
        split(target)
        yield Platform(find().url), target, True
        return
    from knative.cli.flows import checked_texts, put  # lazy: only files pay for the flow parser

    file = Path(target)
    text = checked_texts([file])[file]
    with some_platform(wait=wait) as (platform, lasting):
        deployed = put(platform, text, target)
        reference = f"{deployed['namespace']}/{deployed['name']}:{deployed['version']}"
        yield platform, reference, lasting


@contextmanager
def some_platform(*, wait: bool) -> Iterator[tuple[Platform, bool]]:
    """Give the platform that is up (True), or one that lives as long as this command (False)."""
    address = find()
    platform = Platform(address.url)
    try:
        platform.ask("GET", "/healthz", timeout=5.0)
    except Unreachable:
        if address.named or not wait:
            raise
    else:
        yield platform, True
        return
    from knative.cli.child import ephemeral  # lazy: starts processes

    aside("no platform is up: running on one of its own, gone when the run ends")
    with ephemeral() as own:
        yield own, False
