"""Where the ledger keeps what stopped, and what nobody waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from functions.host.ledger.rows.letter import Letter, LetterStatus


class Letters(Protocol):
    """Dead letters, and the events that no door matched."""

    async def add_letter(self, letter: Letter) -> None:
        """Store a letter; one with the same id stays as it is."""

    async def letter(self, letter_id: str) -> Letter | None:
        """Return a letter."""

    async def letters(
        self,
        *,
        status: LetterStatus | None = None,
        flow: str | None = None,
        tool: str | None = None,
        reason: str | None = None,
        limit: int = 100,
    ) -> list[Letter]:
        """Return letters, the newest first; `reason` matches a part of it."""

    async def mark_letter(
        self, letter_id: str, expected: LetterStatus, status: LetterStatus
    ) -> bool:
        """Move a letter from one status to another; False when it was in neither place."""

    async def add_unmatched(self, event_id: str, event: str, at: float, keep: int) -> None:
        """Keep an event no door matched, and prune all but the newest `keep`."""

    async def unmatched(self, limit: int) -> list[str]:
        """Return unmatched events, the newest first, as structured-mode JSON."""
