"""Runs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final


class RunStatus(StrEnum):
    """The DSL's status phases."""

    PENDING = "pending"
    RUNNING = "running"
    WAITING = "waiting"
    SUSPENDED = "suspended"
    CANCELLED = "cancelled"
    FAULTED = "faulted"
    COMPLETED = "completed"


ENDED: Final = frozenset({RunStatus.COMPLETED, RunStatus.FAULTED, RunStatus.CANCELLED})
"""The phases of a run that goes no further."""


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run as it stands."""

    id: str
    digest: str
    namespace: str
    name: str
    version: str
    machine: int
    status: RunStatus
    input: str
    output: str | None
    error: dict[str, Any] | None
    started_at: float
    ended_at: float | None
    trace: str
    """32 hex digits: the trace that every hop of the run belongs to."""
    steps: int = 0
    parent: str | None = None
    """The run that started this one, if one did."""
    caller: str = ""
    """The instance of the task that did."""
    awaited: bool = False
    """Whether that task waits for this run's end: then what ends or stops the parent does so to
    this one, and an uncaught fault goes up to it."""
    depth: int = 0
    """How many runs are above this one."""
    origin: str | None = None
    """The run that this one redrives, if it does."""
    archived: bool = False
    """Whether this row is all that the ledger keeps of it."""
    budget: str | None = None
    """The run whose budget it draws on: its own id, that of one above it, or none."""

    @property
    def flow(self) -> str:
        """What people call its flow: `namespace/name:version`."""
        return f"{self.namespace}/{self.name}:{self.version}"
