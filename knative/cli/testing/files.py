"""Test files with what they name: found, read and checked before anything is played."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from events.flow.finding import FlowError
from events.flow.rehearsal.script import read_script, read_tape
from knative.cli.address import find
from knative.cli.client import FLOW, Platform, segment
from knative.cli.elsewhere import importing
from knative.cli.exits import UsageError
from knative.cli.runs import split
from knative.cli.values import read_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from events.flow.parse import Parsed
    from events.flow.rehearsal.script import Script, Tape

SUFFIX: Final = ".test.yaml"
TAPE_SUFFIX: Final = ".test.recording.yaml"
_FLOWS: Final = frozenset({".yaml", ".yml", ".json"})


@dataclass(frozen=True, slots=True)
class Suite:
    """A test file with its flow and its recording: it can be played."""

    path: Path
    script: Script
    flow: Parsed
    flows: tuple[Parsed, ...]
    """Those that it runs."""
    tape: Tape
    tape_path: Path


def found(places: Sequence[Path]) -> list[Path]:
    """Return the test files that are named, and those in the folders that are."""
    files: list[Path] = []
    for place in places:
        if place.is_dir():
            files += sorted(place.rglob(f"*{SUFFIX}"))
        else:
            files.append(place)
    if not files:
        where = ", ".join(str(place) for place in places)
        raise UsageError(
            f"no file *{SUFFIX} in {where}; docs/write-a-flow.md says how to write one"
        )
    return list(dict.fromkeys(files))


def load(path: Path, *, fetch: bool = False) -> Suite:
    """Read a test file, its flow and its recording; UsageError has every mistake, with place.

    With `fetch` the flow has what it takes from elsewhere, as a deployed one always does.
    """
    try:
        script = read_script(read_file(path), str(path))
        tape_path = path.parent / (script.recording or tape_name(path))
        text = read_file(tape_path) if script.recording or tape_path.exists() else "answers: []"
        tape = read_tape(text, str(tape_path))
    except FlowError as error:
        raise UsageError(str(error)) from error
    others = tuple(_flow(path, named, fetch=fetch) for named in script.flows or ())
    flow = _flow(path, script.flow, fetch=fetch)
    return Suite(path, script, flow, others, tape, tape_path)


def tape_name(path: Path) -> str:
    """Return the name of a test file's recording."""
    name = path.name
    return (name.removesuffix(SUFFIX) if name.endswith(SUFFIX) else path.stem) + TAPE_SUFFIX


def _flow(path: Path, named: str, *, fetch: bool) -> Parsed:
    from events.flow.imports import imports_of  # lazy: pydantic
    from knative.cli.flows import parsed_text, refuse

    if Path(named).suffix in _FLOWS:
        file = path.parent / named
        flow = parsed_text(read_file(file), str(file), fetch=fetch)
        if not fetch:
            reason = "it lies elsewhere: --fetch it to play the flow"
            refuse([each.wrong(reason) for each in imports_of(flow)])
        return flow
    namespace, name, version = split(named)
    platform = Platform(find().url)
    where = f"{FLOW}/flows/{segment(namespace)}/{segment(name)}"
    shown = platform.get(where, version=version)
    return importing(parsed_text(shown["source"], named), shown["imports"])
