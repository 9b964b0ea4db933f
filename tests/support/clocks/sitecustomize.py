"""A wall clock that a test can set: Python imports this at its start where it is on PYTHONPATH.

`TENDRIL_TEST_CLOCK` names a file with the seconds by which every process of a platform is off,
like a machine whose clock was set. Monotonic clocks go on, as they do there.
"""

from __future__ import annotations

import os
import time

_real = time.time
_file = os.environ.get("TENDRIL_TEST_CLOCK", "")


def _set() -> float:
    try:
        with open(_file, encoding="ascii") as file:  # noqa: PTH123 - every process starts with this
            return _real() + float(file.read() or "0")
    except (OSError, ValueError):  # a file that is being written
        return _real()


if _file:
    time.time = _set
