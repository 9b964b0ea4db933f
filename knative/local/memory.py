"""Giving memory back once everything is loaded."""

from __future__ import annotations

import contextlib
import gc
from typing import Final

_M_ARENA_MAX: Final = -8
GENERATIONS: Final = (50_000, 20, 100)
"""Collector thresholds: an event's garbage dies by reference counting, cycles are rare."""


def settle() -> None:
    """Collect what start-up left, return free pages to the system, exempt the rest from GC.

    What is exempt stays unwritten, and so shared with the processes forked from this one. One
    arena for all threads saves megabytes in each process; the interpreter's lock lets hardly
    two of them allocate at a time anyway.
    """
    import ctypes  # here, as every fork would pay for it otherwise

    gc.collect()
    with contextlib.suppress(AttributeError):  # glibc's own
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_ARENA_MAX, 1)
        libc.malloc_trim(0)
    gc.freeze()
    gc.set_threshold(*GENERATIONS)
