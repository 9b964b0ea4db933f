"""What the ledger does for runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.host.ledger.rows.history import Entry
    from functions.host.ledger.rows.run import RunRow, RunStatus
    from functions.host.ledger.rows.task import Work
    from functions.host.ledger.rows.transition import Transition


class Runs(Protocol):
    """Runs, their scopes and their history."""

    async def open(
        self, run: RunRow, first: Transition, *, redrives: str | None = None
    ) -> tuple[RunRow, bool]:
        """Store a new run with its first transition, True; an id that exists, as it is, False.

        With `redrives`, an open dead letter about the run's origin is redriven in the same
        transaction, and the origin's history says so. Who awaited the origin goes on and awaits
        the run instead, whose id is that of the next attempt. Where the letter is not open, or who
        awaited the origin has moved on, nothing is stored and the answer is False.
        """

    async def successors(self, run_id: str) -> list[str]:
        """Return the runs that redrive a run on newer versions of its flow, the oldest first."""

    async def adopt(
        self, work: Work, child: RunRow, first: Transition, outcome: str | None
    ) -> bool:
        """Open the child run that a STARTING row asks for; False when that no longer stands.

        The row then awaits the child's end, or is RECORDED with an `outcome` that is given.
        """

    async def children(self, run_id: str) -> list[RunRow]:
        """Return the runs that a run started, the oldest first."""

    async def run(self, run_id: str) -> RunRow | None:
        """Return a run."""

    async def runs(
        self, *, flow: tuple[str, str] | None, status: RunStatus | None, limit: int
    ) -> list[RunRow]:
        """Return runs, the newest first; those that wait by WAITING, and not by RUNNING."""

    async def waiting(self, run_ids: Sequence[str]) -> set[str]:
        """Return those of the runs that are running, but have nothing out that is to be done now.

        All that they have out, or runs that they await, waits for a time, an event or people.
        """

    async def ended(self, run_ids: Sequence[str]) -> list[str]:
        """Return those of the runs that completed, faulted or were cancelled."""

    async def scope(self, run_id: str, scope: str) -> tuple[str, int]:
        """Return a scope's packed state and its revision.

        The revision is 0 where nothing can be told to it: it is gone, or the scope of a branch
        that has faulted, until the run is redriven.
        """

    async def parts(self, run_id: str, scope: str, digests: Sequence[str]) -> dict[str, str]:
        """Return those parts of a scope's state that it still has, by their digests."""

    async def outputs(self, run_id: str, fork: str) -> list[str]:
        """Return the packed outputs of a fork's branches, in their order."""

    async def shared(self, run_id: str, fork: str) -> str:
        """Return what the branches of a fork share, packed; it never changes."""

    async def transit(self, transition: Transition) -> bool:
        """Apply a transition if revision, token and run still stand; False changes nothing."""

    async def suspend(self, run_id: str, at: float) -> RunRow | None:
        """Let a running run, and those it awaits, go no further; return it as it then is.

        None when there is none.
        """

    async def resume(self, run_id: str, at: float) -> RunRow | None:
        """Let a suspended run, and those it awaits, go on.

        What they have out is due at once, their timers that much later.
        """

    async def cancel(self, run_id: str, at: float) -> RunRow | None:
        """End a run, and those it awaits, and close their tasks; who awaits it is told.

        A run that ended stays as it is.
        """

    async def history(self, run_id: str, after: int) -> list[tuple[int, Entry]]:
        """Return the numbered history after entry `after`."""
