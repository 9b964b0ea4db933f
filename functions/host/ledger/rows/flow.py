"""Deployed flows, and what starts runs of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class FlowRow:
    """One deployed flow version; immutable."""

    digest: str
    namespace: str
    name: str
    version: str
    title: str
    definition: dict[str, Any]
    source: str
    functions: dict[str, str]
    """Catalog functions as the flow names them, and the versions they were pinned to."""
    deployed_at: float
    imports: dict[str, Any] = field(default_factory=dict)
    """What it refers to elsewhere, as it was then: `events.flow.syntax.imports.Imports`."""

    @property
    def called(self) -> str:
        """What people call it: `namespace/name:version`."""
        return f"{self.namespace}/{self.name}:{self.version}"


@dataclass(frozen=True, slots=True)
class DoorRow:
    """An event filter that starts runs of the newest version of a flow."""

    digest: str
    namespace: str
    name: str
    type: str | None
    """The exact event type it waits for, the index's key; None when it is not a constant."""
    filter: dict[str, Any]
    number: int = 0
    of: int = 0
    """Which of how many filters it is; `of` is 0 where one event starts a run by itself."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When the newest version of a flow starts by itself, and where that stands."""

    digest: str
    kind: str
    spec: str
    """As in `events.flow.timetable.Timetable`."""
    due_at: float | None
    """The next nominal time; None while the run is going on that an `after` counts from."""
    run: str | None = None
    """That run."""
    ended_at: float | None = None
    """When it ended; not stored here."""
