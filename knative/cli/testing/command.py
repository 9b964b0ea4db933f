"""`tendril test`: play the cases of test files, without a platform and without waiting."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from knative.cli import options
from knative.cli.console import emit, note, say
from knative.cli.exits import Exit, UsageError

if TYPE_CHECKING:
    from events.flow.rehearsal.judgement import Verdict
    from knative.cli.testing.files import Suite
    from knative.cli.testing.player import Player

Places = Annotated[
    list[Path] | None,
    typer.Argument(help="Test files, or folders with *.test.yaml files. Default: this folder."),
]


def rehearse(
    places: Places = None,
    keyword: Annotated[
        str | None, typer.Option("-k", help="Only cases whose name contains this text.")
    ] = None,
    record: Annotated[
        bool, typer.Option("--record", help="Ask the tools for real, and record their answers.")
    ] = False,
    from_run: Annotated[
        str | None,
        typer.Option("--from-run", metavar="RUN", help="Write a test from a run on the platform."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The test file that --from-run writes.")
    ] = None,
    fetch: options.Fetch = False,
    timeout: Annotated[
        float, typer.Option(min=0, help="Seconds that a tool may take while recording.")
    ] = 300.0,
    json: options.Json = False,
) -> None:
    """Test flows: play the cases of test files in virtual time, on recorded answers."""
    from knative.cli.testing.files import found, load  # lazy: the flow parser
    from knative.cli.testing.player import player

    if from_run is None:
        if output is not None:
            raise UsageError("-o names the file that --from-run writes")
        files = found(places or [Path()])
    else:
        if places or record or keyword:
            raise UsageError("--from-run writes one test: it goes with -o alone")
        from knative.cli.testing.production import written  # lazy: talks to the platform

        files = [written(from_run, output)]
    suites = [load(file, fetch=fetch) for file in files]
    with player(record=record, timeout=timeout) as play:
        began = time.monotonic()
        verdicts = [each for suite in suites for each in _played(play, suite, keyword, json=json)]
        seconds = time.monotonic() - began
    _end(verdicts, seconds, keyword, json=json)


def _played(
    play: "Player", suite: "Suite", keyword: str | None, *, json: bool
) -> "list[tuple[Path, Verdict]]":
    from knative.cli.testing.telling import tell  # lazy: as above

    cases = [case for case in suite.script.cases if keyword is None or keyword in case.name]
    if cases and not json:
        say(str(suite.path))
    verdicts = []
    for verdict in play(suite, cases):
        verdicts.append((suite.path, verdict))
        if not json:
            tell(suite.path, verdict)
    return verdicts


def _end(
    verdicts: "list[tuple[Path, Verdict]]", seconds: float, keyword: str | None, *, json: bool
) -> None:
    from knative.cli.testing.telling import document, summary  # lazy: as above

    if not verdicts:
        raise UsageError(f"no case has '{keyword}' in its name")
    passed = sum(verdict.passed for _, verdict in verdicts)
    if json:
        cases = [document(file, verdict) for file, verdict in verdicts]
        emit({"cases": cases, "passed": passed, "failed": len(cases) - passed}, compact=True)
    else:
        note(summary(passed, len(verdicts), seconds))
    if passed < len(verdicts):
        raise typer.Exit(Exit.FAULTED)
