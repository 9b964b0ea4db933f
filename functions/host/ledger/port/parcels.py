"""How the ledger knows what may leave the object store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class Parcels(Protocol):
    """Whose objects leave the object store, and when: `functions.host.ledger.parcels`."""

    async def announce(self, parcel: str, at: float) -> None:
        """Note a parcel of an event before it is stored, so that it is found whoever dies."""

    async def unheld(self, before: float, limit: int) -> list[str]:
        """Give up parcels that were announced before a time and that nobody holds.

        Returns those that are to be deleted: what was given up earlier, or with its run, included.
        """

    async def deleted(self, given_up: Sequence[str]) -> None:
        """Forget parcels that were given up: their objects are deleted."""
