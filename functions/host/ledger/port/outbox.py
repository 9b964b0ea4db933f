"""What the ledger still has to send."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.host.ledger.rows.outbox import Outgoing


class Outbox(Protocol):
    """Events that the broker does not have yet."""

    async def outbox(self, run_id: str | None, before: float, limit: int) -> list[Outgoing]:
        """Return events that wait for the broker, of one run or of all."""

    async def sent(self, ids: Sequence[str]) -> None:
        """Take events out of the outbox: the broker has them."""
