"""The command line as a whole: what every command has."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

import typer

from knative.cli.application import build

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def commands(app: typer.Typer) -> Iterator[tuple[str, set[str]]]:
    """Yield each command's name and options."""
    pending = [("tendril", typer.main.get_command(app))]
    while pending:
        name, command = pending.pop()
        inner = getattr(command, "commands", None)
        if inner is None:
            yield name, {option for parameter in command.params for option in parameter.opts}
        else:
            pending += [(f"{name} {each}", inner[each]) for each in inner]


def test_every_command_prints_json_when_asked() -> None:
    """No command is without --json."""
    found = dict(commands(build()))
    assert {"tendril run", "tendril new tool", "tendril deadletters redrive"} <= set(found)
    assert [name for name, options in found.items() if "--json" not in options] == []


def test_what_takes_its_time_shows_that_it_goes_on(tmp_path: Path) -> None:
    """On a terminal a command says what it does; where stderr is a file it stays silent."""
    command = [sys.executable, "-m", "knative.cli.main", "status", "--settings", "--json"]
    leader, terminal = pty.openpty()
    environment = {**os.environ, "TERM": "xterm"}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=terminal
    ) as process:
        os.close(terminal)
        shown = _everything(leader)
        assert process.stdout is not None
        assert process.stdout.read().startswith(b"{")
    os.close(leader)
    assert process.returncode == 0
    assert b"reading the settings ..." in shown
    silent = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    assert silent.stderr == b""


def _everything(leader: int) -> bytes:
    """Return what was written on the terminal until nobody has it open."""
    shown = b""
    while True:
        try:
            part = os.read(leader, 4096)
        except OSError:  # Linux says so
            return shown
        if not part:
            return shown
        shown += part
