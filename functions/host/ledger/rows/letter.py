"""Dead letters."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class LetterStatus(StrEnum):
    """Where a dead letter stands."""

    OPEN = "open"
    REDRIVEN = "redriven"
    CAUGHT = "caught"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter: why something stopped, and what redrive needs."""

    id: str
    status: LetterStatus
    reason: str
    code: int
    stored_at: float
    trigger: str
    event: dict[str, Any]
    """Structured-mode JSON of the event; its data may be a dataref."""
    run: str | None = None
    instance: str | None = None
    tool: str | None = None
    flow: str | None = None
