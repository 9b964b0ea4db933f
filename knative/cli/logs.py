"""`tendril logs`: what the services of the platform on this machine wrote."""

import json as codec
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from knative.cli import options
from knative.cli.address import data_folder
from knative.cli.console import emit, say
from knative.cli.exits import UsageError

Service = Annotated[str | None, typer.Argument(help="Only this service's.", show_default=False)]
POLL = 0.2
"""Seconds between two looks at files that are followed."""
_NOT_WORTH_REPEATING = frozenset({"level", "levelname", "message", "time", "timestamp", "asctime"})


def logs(
    service: Service = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="Lines of the past.")] = 200,
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Print the services' logs; they are files in the data folder."""
    folder, seen = (data or data_folder()) / "logs", dict[Path, int]()
    for name, line in _past(_files(folder, service), lines, seen):
        _print(name, line, json=json)
    if follow:
        for name, line in _new(folder, service, seen):
            _print(name, line, json=json)


def _files(folder: Path, service: str | None) -> list[Path]:
    files = sorted(folder.glob("*.log"))
    if service is None and folder.is_dir():
        return files
    chosen = [file for file in files if file.stem == service]
    if not chosen:
        known = ", ".join(file.stem for file in files) or "none"
        what = f"no logs of '{service}'" if service else "no logs"
        raise UsageError(f"{folder}: {what}; there are: {known} (--data names another folder)")
    return chosen


def _past(files: list[Path], limit: int, seen: dict[Path, int]) -> list[tuple[str, str]]:
    """Return the newest `limit` lines of all files together, the oldest first.

    `seen` notes how far each file was read: what is written meanwhile is not lost.
    """
    found = []
    for file in files:
        text, seen[file] = _since(file, 0)
        found += [(file.stem, line) for line in text.splitlines()[-limit or None :]]
    if len(files) > 1:
        found.sort(key=lambda each: _moment(each[1]))
    return found[-limit:] if limit else []


def _new(folder: Path, service: str | None, seen: dict[Path, int]) -> Iterator[tuple[str, str]]:
    """Yield lines as they are written, of files that appear later too."""
    while True:
        for file in sorted(folder.glob("*.log")):
            if service in {None, file.stem}:
                text, seen[file] = _since(file, seen.get(file, 0))
                yield from ((file.stem, line) for line in text.splitlines())
        time.sleep(POLL)


def _since(file: Path, offset: int) -> tuple[str, int]:
    """Return the whole lines after `offset` and where they end; a file cut short starts anew."""
    with file.open("rb") as opened:
        size = opened.seek(0, 2)
        start = offset if offset <= size else 0
        opened.seek(start)
        content = opened.read(size - start)
    whole = content[: content.rfind(b"\n") + 1]
    return whole.decode("utf-8", "replace"), start + len(whole)


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        value = codec.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _moment(line: str) -> str:
    entry = _parsed(line) or {}
    return str(entry.get("time") or entry.get("timestamp") or entry.get("asctime") or "")


def _print(service: str, line: str, *, json: bool) -> None:
    entry = _parsed(line)
    if json:
        emit({"service": service, **(entry or {"message": line})}, compact=True)
        return
    if entry is None:
        say(f"{service:<16} {line}")
        return
    level = str(entry.get("level") or entry.get("levelname") or "")
    rest = " ".join(
        f"{name}={value}"
        for name, value in entry.items()
        if name not in _NOT_WORTH_REPEATING and value is not None and value != ""
    )
    say(f"{service:<16} {_moment(line)} {level:<7} {entry.get('message', '')}  {rest}".rstrip())
