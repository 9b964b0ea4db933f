"""Giving memory back once everything is loaded."""

from __future__ import annotations

import contextlib
import gc


def settle() -> None:
    """Collect what start-up left, return free pages to the system, exempt the rest from GC.

    What is exempt stays unwritten, and so shared with the processes forked from this one.
    """
    import ctypes  # here, as every fork would pay for it otherwise

    gc.collect()
    with contextlib.suppress(AttributeError):  # glibc's own
        ctypes.CDLL(None).malloc_trim(0)
    gc.freeze()
