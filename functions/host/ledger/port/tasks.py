"""What the ledger does for tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from events.flow.steps import MACHINE

if TYPE_CHECKING:
    from events.vocabulary import Hop
    from functions.host.ledger.claims import Claim
    from functions.host.ledger.rows.budget import Charge
    from functions.host.ledger.rows.history import Entry
    from functions.host.ledger.rows.letter import Letter
    from functions.host.ledger.rows.task import TaskRow, Work


class Tasks(Protocol):
    """Task rows: claims, outcomes and what the sweeper does about silence."""

    async def claim(self, hop: Hop, *, now: float, lease: float, cold: bool) -> Claim:
        """Decide on a hop event and, when the verdict is CLAIM, take the lease."""

    async def heartbeat(self, task: TaskRow, due_at: float) -> bool:
        """Extend a claim; False when it is no longer ours."""

    async def record(
        self, task: TaskRow, outcome: str, due_at: float, charge: Charge | None = None
    ) -> bool:
        """Write a handler's final outcome; False when the claim is no longer ours."""

    async def park(
        self, task: TaskRow, due_at: float, entry: Entry, charge: Charge | None = None
    ) -> bool:
        """Note a retryable error: the next attempt is due at `due_at`."""

    async def requests_after(self, run_id: str, cause: str) -> list[Work]:
        """Return the still unclaimed tasks that one hop's outcome opened."""

    async def recorded_after(self, run_id: str, cause: str) -> list[Work]:
        """Return what a branch's end recorded that is not settled: its fork, another's turn."""

    async def task(self, run_id: str, instance: str) -> Work | None:
        """Return one task with its run."""

    async def tasks(self, run_id: str, *, closed: bool = True) -> list[TaskRow]:
        """Return a run's tasks and timers, the oldest first; without `closed` only what is out."""

    async def overdue(self, now: float, limit: int, machine: int = MACHINE) -> list[Work]:
        """Return open tasks of running runs whose deadline passed, but for branches that faulted.

        What only an `advance` moves on is given to hosts of its run's machine version alone.
        """

    async def progress(self, tool: str, major: int) -> float:
        """Return when a tool last claimed a task, 0 when it never did."""

    async def wake(self, work: Work, *, now: float, grace: float) -> Work | None:
        """Bring an overdue task back to REQUESTED for another emission; None if it moved on."""

    async def give_up(self, work: Work, outcome: str, now: float) -> TaskRow | None:
        """Record a fault on an unclaimed or abandoned task; None if it moved on."""

    async def redrive(
        self, letter: Letter, at: float, edited: tuple[str, str] | None
    ) -> Work | None:
        """Reopen the letter's task with a new attempt; None when it cannot be reopened.

        The runs above that its fault ended wait for its run again.
        """
