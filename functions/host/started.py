"""When this process began and was ready: how long its start kept a first event waiting."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

    from events.envelope import Event


@dataclass(frozen=True, slots=True)
class Started:
    """A process's start, in seconds since the epoch."""

    began: float
    ready: float

    @classmethod
    def now(cls, clock: Callable[[], float]) -> Self:
        """Return the start of this process, which is ready at this moment."""
        return cls(clock() - _age(), clock())

    def kept_waiting(self, event: Event) -> float | None:
        """Return for how many milliseconds of its way an event had this start to wait for."""
        try:
            sent = datetime.fromisoformat(event.get("time") or "").timestamp()
        except ValueError:
            return None
        return round(max(0.0, self.ready - max(self.began, sent)) * 1000, 3)


def _age() -> float:
    """Return how long this process has run, in seconds; 0 where the system does not tell."""
    try:
        fields = Path("/proc/self/stat").read_text("ascii").rpartition(")")[2].split()
        began = int(fields[19]) / os.sysconf("SC_CLK_TCK")  # field 22, starttime, of proc(5)
        return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - began)
    except (OSError, ValueError, AttributeError, IndexError):
        return 0.0
