"""How a template process comes to be: forked from the platform at its start, or spawned.

Forking shares what both have loaded, in memory and in start-up time; it is only safe while the
platform has neither threads nor an event loop. A template that dies later is spawned anew.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from knative import interpreter
from knative.local import forking, memory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from knative.toolsets import Deployment


@dataclass(frozen=True, slots=True)
class Seed:
    """What a template is made from: the modules it imports, where they are found, its log."""

    preload: Sequence[str]
    path: Sequence[Path]
    log: Path


@dataclass(frozen=True, slots=True)
class Planted:
    """A template process: our end of its control socket, and the lifeline's writing end.

    `wait` blocks until the process has ended.
    """

    pid: int
    control: socket.socket
    lifeline: int
    wait: Callable[[], object]


def seed(deployments: Sequence[Deployment], data: Path, tools: Sequence[Path]) -> Seed:
    """Return the seed of one template for all services: it imports what any of them preloads.

    One process with all of it takes less memory than one for each set, because most of what
    they import they share.
    """
    wanted = {m: None for d in deployments for m in d.service.annotations.preload or ()}
    log = data / "logs" / "template.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    return Seed(list(wanted), tools, log)


def spawn(seed: Seed) -> Planted:
    """Start a template as a program of its own; takes a millisecond and then its imports."""
    ours, theirs = socket.socketpair()
    read, write = os.pipe()
    arguments = [str(theirs.fileno()), str(read), *seed.preload]
    with theirs, seed.log.open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - our own program
            interpreter.program("knative.local.forking", *arguments),
            pass_fds=(theirs.fileno(), read),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": _search_path(seed)},
        )
    os.close(read)
    return Planted(process.pid, ours, write, process.wait)


def fork(seed: Seed) -> Planted:
    """Fork a template from this process, which must not have threads or a running loop yet."""
    ours, theirs = socket.socketpair()
    read, write = os.pipe()
    memory.settle()
    pid = os.fork()
    if not pid:
        ours.close()
        os.close(write)
        os.setsid()
        forking.redirect(str(seed.log))
        sys.path.extend(map(str, seed.path))
        forking.work(theirs, read, seed.preload)
        sys.exit()
    theirs.close()
    os.close(read)
    return Planted(pid, ours, write, lambda: os.waitpid(pid, 0))


def _search_path(seed: Seed) -> str:
    return interpreter.search_path(*map(str, seed.path), os.environ.get("PYTHONPATH", ""))
