"""When a service's process starts, stays and goes; pure.

The defaults are Knative's (`config-autoscaler`): a service without requests for the stable
window goes to zero, but not before the grace period is over as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from knative.resources import Service

STABLE_WINDOW: Final = 60.0
GRACE_PERIOD: Final = 30.0
PROGRESS_DEADLINE: Final = 600.0
LONGEST_BACKOFF: Final = 10.0
_FIRST_BACKOFF: Final = 0.2


@dataclass(frozen=True, slots=True)
class Scale:
    """How a service scales between zero and one process; seconds."""

    minimum: int = 0
    window: float = STABLE_WINDOW
    grace: float = GRACE_PERIOD
    progress_deadline: float = PROGRESS_DEADLINE

    @classmethod
    def of(
        cls, service: Service, window: float = STABLE_WINDOW, grace: float = GRACE_PERIOD
    ) -> Self:
        """Read a service's annotations; `window` and `grace` hold where they say nothing."""
        annotations = service.annotations
        return cls(
            minimum=annotations.min_scale or 0,
            window=window if annotations.window is None else annotations.window,
            grace=max(grace, annotations.retention or 0.0),
            progress_deadline=annotations.progress_deadline or PROGRESS_DEADLINE,
        )

    def idle_left(self, idle: float) -> float | None:
        """Seconds until a service idle for `idle` seconds goes to zero; None for never."""
        if self.minimum:
            return None
        return max(0.0, self.window + self.grace - idle)


def backoff(failures: int) -> float:
    """Seconds to wait before the next start, after so many failures in a row."""
    if not failures:
        return 0.0
    return min(LONGEST_BACKOFF, _FIRST_BACKOFF * 2.0 ** min(failures - 1, 30))
