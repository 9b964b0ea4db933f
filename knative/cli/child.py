"""A platform of the command's own: started as a child process, stopped when the command ends."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from knative import interpreter
from knative.cli.address import noted
from knative.cli.client import Platform
from knative.cli.console import progress
from knative.cli.exits import CommandError, Exit, Unreachable
from knative.local.lifeline import die_with

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

STARTING: Final = 60.0
"""Seconds a platform may take until it is ready."""
STOPPING: Final = 40.0
"""Seconds it may take to drain; longer than its services' own 30."""
POLL: Final = 0.05


@contextmanager
def ephemeral() -> Iterator[Platform]:
    """Give a platform on a free port and a data folder that goes with it."""
    with (
        tempfile.TemporaryDirectory(prefix="tendril-") as folder,
        started(Path(folder)) as platform,
    ):
        yield platform


@contextmanager
def started(data: Path) -> Iterator[Platform]:
    """Give a platform on a free port over `data`; it is ready, and stopped in the end."""
    data.mkdir(parents=True, exist_ok=True)
    log = data / "platform.log"
    with _ending_on_terminate(), log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - our own module
            command(0, data),
            env=interpreter.environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # a terminal's Ctrl-C reaches a whole group: the platform is stopped by this process
            # alone, since a second signal would end it without draining
            process_group=0,
            # a killed command must not leave a platform behind; no thread runs here yet
            preexec_fn=partial(die_with, os.getpid()),  # noqa: PLW1509
        )
        try:
            with progress("starting a platform"):
                platform = _ready(process, data, log)
            yield platform
        finally:
            _stop(process)


def command(port: int, data: Path) -> list[str]:
    """Return the command line of the local runtime; port 0 takes a free one.

    It wants the environment that `interpreter.environment` returns.
    """
    return interpreter.program("knative.local", "--port", str(port), "--data", str(data))


def _ready(process: subprocess.Popen[bytes], data: Path, log: Path) -> Platform:
    """Return the platform once it says that it is ready; it notes its URL in `data`."""
    deadline = time.monotonic() + STARTING
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise _failed(f"the platform ended with code {process.returncode}", log)
        url = noted(data)
        if url and _answers(platform := Platform(url)):
            return platform
        time.sleep(POLL)
    raise _failed(f"the platform was not ready after {STARTING:g} s", log)


def _answers(platform: Platform) -> bool:
    try:
        return platform.ask("GET", "/healthz", timeout=5.0).status == 200  # noqa: PLR2004 - OK
    except Unreachable:
        return False


def _failed(what: str, log: Path) -> CommandError:
    last = log.read_text(errors="replace").strip().splitlines()[-5:]
    return CommandError(Exit.FAILURE, "\n".join([f"{what}; the end of {log}:", *last]))


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Let the platform drain; end it hard when it does not."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(STOPPING)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def _ending_on_terminate() -> Iterator[None]:
    """Make SIGTERM unwind this process, so that the child is stopped on the way."""

    def end(_number: int, _frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
