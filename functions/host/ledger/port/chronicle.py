"""The ledger as one long history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.host.ledger.rows.history import Bookmark, Line


class Chronicle(Protocol):
    """The histories of all runs as one, in an order in which nothing is added before its end."""

    async def bookmark(self, reader: str) -> Bookmark:
        """Return a reader's bookmark; its first one lies at the present end."""

    async def lines(self, after: str, kinds: Sequence[str], limit: int) -> tuple[list[Line], str]:
        """Return the first lines of these kinds after a place, and the place up to which it is all.

        A run's lines are in their order. Lines of runs that are gone are left out.
        """

    async def mark(self, reader: str, seen: Bookmark, to: Bookmark | None) -> bool:
        """Move a bookmark, or take it out; False when it is not as it was seen.

        No promise: after a power cut it may lie where it lay before.
        """
