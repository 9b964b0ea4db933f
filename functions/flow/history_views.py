"""What the API shows of a run's history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from functions.flow.moments import moment

if TYPE_CHECKING:
    from functions.host.ledger.rows.history import Entry


class EntryView(BaseModel):
    """One line of a run's history."""

    seq: int
    at: str | None
    kind: str
    task: str = ""
    instance: str = ""
    detail: dict[str, Any] = {}


def entry_view(seq: int, entry: Entry) -> EntryView:
    """Show a history entry, at the very time that the run's expressions saw."""
    return EntryView(
        seq=seq,
        at=moment(entry.at, "microseconds"),
        kind=entry.kind,
        task=entry.reference,
        instance=entry.instance,
        detail=entry.detail,
    )
