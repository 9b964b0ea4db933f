"""What the broker is still owed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An event of an `emit` task that waits in the outbox until the broker has it."""

    id: str
    event: str
    """Structured-mode JSON."""
