"""How the ledger brings events together that start a run together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from functions.host.ledger.rows.gathering import Gathered, Look, Tally, Waiting


class Gatherings(Protocol):
    """Events that are gathered, and the sets that are whole."""

    async def gathering(self, digest: str, correlation: str) -> list[Waiting]:
        """Return the events that are gathered, in the order in which they were received."""

    async def tally(self, digest: str) -> Tally:
        """Return how much a version of a flow has gathered."""

    async def unlooked(self, before: float) -> list[tuple[str, str]]:
        """Return gatherings with events that came before a time and were not looked at."""

    async def gather(self, look: Look) -> bool:
        """Write what came of looking at a gathering; False where it is not what was looked at.

        What is left when events were taken out has not been looked at, and neither has anything
        of a flow's version that is not the newest.
        """

    async def gathered(self, before: float) -> list[Gathered]:
        """Return sets that were whole before a time, and whose run was not started."""

    async def started(self, gathered: Gathered) -> None:
        """Note that the run of a set is started."""
