"""How the ledger brings events to the runs that listen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.host.ledger.rows.gathering import Gathered
    from functions.host.ledger.rows.listen import Arrival, Kept
    from functions.host.ledger.rows.task import TaskRow


class Listens(Protocol):
    """Events, and the runs that listen.

    An event is first received and then delivered to those who listen; a listen is first written
    and then looks for what was received. So one of the two sees the other, and no lock is needed.
    """

    async def receive(self, arrival: Arrival) -> tuple[Arrival, list[Gathered]]:
        """Keep an event in the inbox; return it as it was received first, and the sets it fills.

        Each event is in one set of a flow at most: the earliest of those that correlate.
        LedgerUnavailable also where its parcel was given up: then it has to be delivered again.
        """

    async def deliver(
        self, arrival: Arrival, key: tuple[str, str], after: tuple[str, str], limit: int
    ) -> list[TaskRow]:
        """Tell those who listen to a key of a received event, by rows that are RECORDED.

        A run that began after the event came is told only where it expects a correlation.
        Returns `limit` rows at most, by run and instance of the listens after `after`; those that
        were told before stay as they are. After an empty answer there is nobody left to tell.
        """

    async def look(self, listen: TaskRow, limit: int) -> list[TaskRow]:
        """Tell a listen of what was received, the earliest first; return the rows, RECORDED.

        That is what came since its run began (or the one that it goes on for), or at any time where
        it expects a correlation, and what its listener has not consumed. With fewer than `limit`
        rows it is due no more.
        """

    async def stale(self, before: float, limit: int) -> list[Kept]:
        """Return events that were received before a time, the earliest first."""

    async def forget(self, events: Sequence[str]) -> None:
        """Take events out of the inbox."""
