"""What the ledger knows of what people are asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.host.ledger.rows.history import Entry
    from functions.host.ledger.rows.task import TaskRow, Work


class Approvals(Protocol):
    """What people are asked: rows that are ASKING, and have what they are shown for input."""

    async def asking(
        self, names: Sequence[str] | None, after: tuple[float, str, str], limit: int
    ) -> list[Work]:
        """Return what is asked in runs that have not ended, the longest asked first.

        With `names`, only what one of these users and groups may answer now. `after` are the
        time, the run and the instance that the page before ended with.
        """

    async def asking_below(
        self, run_ids: Sequence[str], names: Sequence[str] | None = None
    ) -> list[tuple[str, Work]]:
        """Return what is asked by runs or by those that they await, at any depth.

        The first of each pair is the one of `run_ids` that waits for it; `names` as for `asking`.
        """

    async def answer(self, asked: TaskRow, hearing: TaskRow, entry: Entry) -> bool:
        """Close a row that is ASKING, and open the one that tells the listen the answer.

        Its own timers are closed too: an answer that is accepted does not time out. False where
        the row has its answer or nobody is asked any more: nothing is written then. A suspended
        run keeps the answer.
        """
