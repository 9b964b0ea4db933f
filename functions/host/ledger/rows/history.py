"""What happened in runs, line by line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a run's history, before it has a number."""

    kind: str
    at: float
    reference: str = ""
    instance: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Line:
    """An entry among those of all runs, with what it takes to speak of its run."""

    run: str
    namespace: str
    name: str
    version: str
    trace: str
    output: str | None
    """The run's packed output, with its `run.completed`."""
    seq: int
    """The entry's number in its run's history."""
    entry: Entry


@dataclass(frozen=True, slots=True)
class Bookmark:
    """How far the histories of all runs were read, by whom, and until when it is theirs."""

    place: str
    """The ledger's own notation."""
    holder: str = ""
    until: float = 0.0
