"""Flow files: check them, draw them, put them on a platform."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from knative.cli import options
from knative.cli.address import find
from knative.cli.client import FLOW, Platform, Refused
from knative.cli.console import emit, progress, say, table
from knative.cli.elsewhere import fetched
from knative.cli.exits import CommandError, Exit, UsageError
from knative.cli.values import read_file

if TYPE_CHECKING:
    from events.flow.check import Finding
    from events.flow.parse import Parsed

File = Annotated[Path, typer.Argument(help="A flow: YAML or JSON.", show_default=False)]
Files = Annotated[list[Path], typer.Argument(help="Flows: YAML or JSON.", show_default=False)]


def check(files: Files, fetch: options.Fetch = False, json: options.Json = False) -> None:
    """Find every mistake in flow files; needs no platform."""
    findings = {file: _examined(read_file(file), str(file), fetch=fetch)[1] for file in files}
    if json:
        told = [
            {"file": str(file), "findings": [_finding(each) for each in found]}
            for file, found in findings.items()
        ]
        emit({"files": told}, compact=True)
    refuse([each for found in findings.values() for each in found])
    if not json:
        for file in findings:
            say(f"{file}: no mistakes found")


def show(file: File, json: options.Json = False) -> None:
    """Draw a flow as a Mermaid diagram."""
    from events.flow.show import mermaid  # lazy: pydantic

    diagram = mermaid(parsed(file).flow)
    if json:
        emit({"file": str(file), "mermaid": diagram}, compact=True)
    else:
        say(diagram.rstrip("\n"))


def deploy(files: Files, json: options.Json = False) -> None:
    """Check flow files and put them on the platform; the same version twice is harmless."""
    texts = checked_texts(files)
    platform = Platform(find().url)
    with progress("deploying"):
        deployed = [put(platform, text, str(file)) for file, text in texts.items()]
    if json:
        emit({"flows": deployed}, compact=True)
        return
    rows = [(_reference(each), each["digest"]) for each in deployed]
    table(("flow", "digest"), rows, "no flows")


def flows(json: options.Json = False) -> None:
    """List the flows on the platform, every version."""
    found = Platform(find().url).get(f"{FLOW}/flows")
    if json:
        emit(found, compact=True)
        return
    rows = [
        (_reference(each), each.get("title"), each.get("deployedAt"), each["digest"])
        for each in found["flows"]
    ]
    table(("flow", "title", "deployed", "digest"), rows, "no flows")


def checked_texts(files: list[Path]) -> dict[Path, str]:
    """Return the texts of flow files; refuse them together where one has mistakes."""
    texts = {file: read_file(file) for file in files}
    refuse([each for file, text in texts.items() for each in _examined(text, str(file))[1]])
    return texts


def put(platform: Platform, text: str, file: str) -> dict[str, Any]:
    """Deploy a flow's text; an answer with positions names `file`."""
    try:
        reply = platform.post(f"{FLOW}/flows", text.encode(), {"content-type": "application/yaml"})
    except Refused as refused:
        raise _at_positions(refused, file) from refused
    deployed: dict[str, Any] = reply.json()
    return deployed


def parsed(file: Path) -> "Parsed":
    """Return the parsed flow; refuse a file with syntax mistakes."""
    from events.flow.parse import FlowError, parse  # lazy: pydantic

    try:
        return parse(read_file(file), str(file))
    except FlowError as error:
        refuse(error.findings)
        raise


def refuse(findings: "list[Finding]") -> None:
    """End the command where there are findings, each on a line with its position."""
    if findings:
        raise UsageError("\n".join(str(finding) for finding in findings))


def parsed_text(text: str, file: str, *, fetch: bool = False) -> "Parsed":
    """Return the flow that a text is; refuse one that has mistakes of any kind."""
    flow, findings = _examined(text, file, fetch=fetch)
    refuse(findings)
    assert flow is not None
    return flow


def _reference(flow: dict[str, Any]) -> str:
    return f"{flow['namespace']}/{flow['name']}:{flow['version']}"


def _examined(
    text: str, file: str, *, fetch: bool = False
) -> "tuple[Parsed | None, list[Finding]]":
    """Return the flow that a text is, None where it is none, and every mistake in it.

    With `fetch` that is also what it takes from elsewhere, if it has no mistakes of its own.
    """
    from events.flow.check import check as find_mistakes  # lazy: pydantic
    from events.flow.parse import FlowError, parse
    from knative.cli.catalog import catalog
    from knative.cli.programs import compiled

    try:
        flow = parse(text, file)
    except FlowError as error:
        return None, list(error.findings)
    findings = find_mistakes(flow, catalog(), compiled)
    if fetch and not findings:
        return fetched(flow, text, file)
    return flow, findings


def _finding(finding: "Finding") -> dict[str, Any]:
    position = finding.position
    return {"line": position.line, "column": position.column, "message": finding.message}


def _at_positions(refused: Refused, file: str) -> CommandError:
    errors = (refused.problem or {}).get("errors")
    if not isinstance(errors, list) or not errors:
        return refused
    lines = (f"{file}:{e.get('line')}:{e.get('column')}: {e.get('message')}" for e in errors)
    return CommandError(Exit.USAGE, "\n".join(lines))
