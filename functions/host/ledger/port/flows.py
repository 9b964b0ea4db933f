"""What the ledger keeps of flows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from events.flow.listening import Shape
    from functions.host.ledger.rows.flow import DoorRow, FlowRow, Schedule

Deployed = Literal["created", "same", "conflict"]


class Flows(Protocol):
    """Deployed flows, and what starts runs of them."""

    async def deploy(
        self,
        flow: FlowRow,
        doors: Sequence[DoorRow],
        schedules: Sequence[Schedule] = (),
        shapes: Sequence[Shape] = (),
    ) -> Deployed:
        """Store a version; `conflict` when it exists with another digest."""

    async def scheduled(self, now: float) -> list[Schedule]:
        """Return the newest versions' schedules that are due, and those whose run has ended."""

    async def reschedule(self, seen: Schedule, due_at: float | None, run: str | None) -> bool:
        """Set a schedule's next time and run; False when it is not as it was seen."""

    async def flow(self, digest: str) -> FlowRow | None:
        """Return a flow by its digest."""

    async def flow_named(self, namespace: str, name: str, version: str | None) -> FlowRow | None:
        """Return one version, the highest when `version` is None."""

    async def flows(self) -> list[FlowRow]:
        """Return every deployed version, by namespace, name and version."""

    async def doors(self, event_type: str) -> list[DoorRow]:
        """Return the newest versions' doors that may open to `event_type`."""

    async def shapes(self, event_type: str) -> list[Shape]:
        """Return the shapes, of every version, that events of `event_type` may fit."""
