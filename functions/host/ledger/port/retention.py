"""How runs leave the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class Retention(Protocol):
    """Runs that ended, on their way out of the ledger."""

    async def done_with(self, before: float, limit: int) -> list[str]:
        """Return runs that ended by `before` and that nothing can happen to any more.

        They have no open dead letter and nothing to send, and every run that they started, or that
        takes results over from them, is archived.
        """

    async def archive(self, run_id: str, before: float) -> bool:
        """Keep of a run that is done with no more than its row; False: it is not, or was.

        Its objects are given up.
        """

    async def archived(self, before: float, limit: int) -> list[str]:
        """Return archived runs that ended by `before`, those that ended first."""

    async def erase(self, run_ids: Sequence[str]) -> None:
        """Delete the rows of archived runs."""
