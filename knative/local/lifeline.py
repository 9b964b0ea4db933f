"""How a process learns that the platform that started it is gone, however it went.

Two ways, because each has a gap: the kernel's parent-death signal (Linux only, lost over a
second fork) and a pipe that reads end-of-file when its last writer dies (needs a running
thread, so a frozen process misses it until it is resumed).
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NAME: Final = 15


def die_with(parent: int) -> None:
    """Ask the kernel to SIGKILL this process when `parent`, its parent, ends; Linux only."""
    if sys.platform != "linux":
        return
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the request reached the kernel
        os._exit(1)


def watch(pipe: int) -> None:
    """Kill this process's whole group when `pipe` reads end-of-file."""
    threading.Thread(target=_wait, args=(pipe,), name="lifeline", daemon=True).start()


def name(title: str) -> None:
    """Give the process a name that `ps` and `top` show; at most 15 characters stay."""
    if sys.platform == "linux":
        _prctl(_PR_SET_NAME, title.encode()[:15])


def _wait(pipe: int) -> None:
    while os.read(pipe, 1):
        pass
    os.killpg(0, signal.SIGKILL)


def _prctl(option: int, argument: int | bytes) -> None:
    import ctypes  # milliseconds that only the forking process pays

    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(option, argument, 0, 0, 0)
