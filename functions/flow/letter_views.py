"""What the API shows of dead letters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from functions.flow.moments import moment

if TYPE_CHECKING:
    from functions.host.ledger.rows.letter import Letter


class LetterView(BaseModel):
    """One dead letter."""

    id: str
    status: str
    reason: str
    code: int
    storedAt: str | None  # noqa: N815 - JSON's case
    trigger: str
    run: str | None = None
    task: str | None = None
    tool: str | None = None
    flow: str | None = None
    event: dict[str, Any]


def letter_view(row: Letter, *, whole: bool) -> LetterView:
    """Show a letter; its event in full only when asked for one."""
    shown = ("id", "source", "type", "subject")
    event = row.event if whole else {k: row.event[k] for k in shown if k in row.event}
    return LetterView(
        id=row.id,
        status=row.status,
        reason=row.reason,
        code=row.code,
        storedAt=moment(row.stored_at),
        trigger=row.trigger,
        run=row.run,
        task=row.instance,
        tool=row.tool,
        flow=row.flow,
        event=event,
    )
