"""Tutorials as programs: their files are written, their commands run, their outputs compared."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.ports import free_port

BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>[a-z]+)(?:: (?P<name>\S+))? -->\n)?"
    r"^```(?P<language>\w+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
PATIENCE = 90.0
"""Seconds for what a tutorial says will be so a moment later."""


@dataclass(frozen=True, slots=True)
class Block:
    """One code block: `mark` is `file`, `background`, `eventually` or empty."""

    mark: str
    name: str
    language: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Step:
    """One command and what a reader is told to expect; None where nothing is said."""

    command: str
    expected: str


def blocks(page: Path) -> list[Block]:
    """Return a page's code blocks in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            found["mark"] or "",
            found["name"] or "",
            found["language"],
            found["text"],
            text.count("\n", 0, found.start()) + 1,
        )
        for found in BLOCK.finditer(text)
    ]


def steps(block: Block) -> list[Step]:
    """Return a console block's commands with their outputs."""
    parts = re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]
    return [Step(*part.partition("\n")[::2]) for part in parts]


def agrees(expected: str, actual: str) -> bool:
    """Tell whether an output is the expected one, where `...` stands for anything."""
    wanted = " ".join(expected.split())
    pattern = ".*".join(re.escape(part.strip()) for part in wanted.split("..."))
    found = " ".join(actual.split())
    return re.fullmatch(r"\s*".join(pattern.split(r"\ ")) + r"\s*", found, re.DOTALL) is not None


@dataclass
class Terminal:
    """A folder and a shell in it, whose variables last from one command to the next."""

    folder: Path
    environment: dict[str, str]
    background: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def run(self, command: str) -> str:
        """Return what a command prints on both outputs; shell variables are kept."""
        keep = self.folder.parent / "variables"
        script = f"[ -f {keep} ] && . {keep}; (exit ${{status:-0}})\n{command}\nstatus=$?\n"
        script += f"declare -p status $(compgen -v | grep -x id) > {keep}"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=180,
            check=False,
        )
        return done.stdout

    def start(self, command: str) -> None:
        """Start a command that goes on, as in a terminal of its own."""
        log = (self.folder.parent / "background.log").open("wb")
        with log:
            process = subprocess.Popen(
                shlex.split(command),
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=log,
            )
        self.background.append(process)
        self.until(self._is_ready)

    def until(self, holds: Callable[[], bool]) -> None:
        """Ask until it holds."""
        deadline = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < deadline, (self.folder.parent / "background.log").read_text()
            time.sleep(0.2)

    def stop(self) -> None:
        """Press Ctrl-C in every other terminal."""
        for process in self.background:
            process.send_signal(signal.SIGINT)
        for process in self.background:
            process.wait(60)

    def _is_ready(self) -> bool:
        return '"ready":true' in self.run("tendril status --json")


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """Give a terminal in an empty folder, with the project's commands on its path."""
    folder = tmp_path / "empty"
    folder.mkdir()
    port = str(free_port())
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("TENDRIL_")}
    path = os.pathsep.join([str(Path(sys.executable).parent), inherited["PATH"]])
    opened = Terminal(folder, {**inherited, "PATH": path, "TENDRIL_PORT": port, "COLUMNS": "200"})
    yield opened
    opened.stop()


Play = Callable[[Path], None]


@pytest.fixture
def play(terminal: Terminal) -> Play:
    """Give what does everything that a page says, and compares."""

    def do(page: Path) -> None:
        for block in blocks(page):
            if block.mark == "file":
                target = terminal.folder / block.name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(block.text, encoding="utf-8")
            elif block.language == "console":
                _console(terminal, page, block)

    return do


def _console(terminal: Terminal, page: Path, block: Block) -> None:
    for step in steps(block):
        if block.mark == "background":
            terminal.start(step.command)
            continue
        deadline = time.monotonic() + (PATIENCE if block.mark == "eventually" else 0.0)
        printed = terminal.run(step.command)
        while not agrees(step.expected, printed) and time.monotonic() < deadline:
            time.sleep(0.5)
            printed = terminal.run(step.command)
        where = f"{page.name}:{block.line}: $ {step.command}"
        assert agrees(step.expected, printed), f"{where}\n{printed}\nexpected\n{step.expected}"
