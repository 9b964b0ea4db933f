"""What one evaluation may use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class EvaluationLimits:
    """The bounds of one evaluation; more than any of them is an expression error."""

    seconds: float = 1.0
    """Processor time, compilation included."""
    memory: int = 512 * MIB
    """Address space of the whole worker, in bytes."""
    output: int = MIB
    """The result as JSON text, in bytes."""
