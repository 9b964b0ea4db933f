"""A history's lines as the attempts at each task; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from functions.flow.moments import moment
from functions.flow.trace_views import AttemptView
from functions.host.ledger.rows.task import TaskState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from functions.host.ledger.rows.history import Entry
    from functions.host.ledger.rows.task import TaskRow

_ENDS: Final = {
    "task.completed": "completed",
    "task.faulted": "faulted",
    "task.retrying": "retrying",
    "task.cancelled": "cancelled",
}
_OUT: Final = {"requested", "claimed"}


def attempts(history: Iterable[Entry]) -> dict[str, list[AttemptView]]:
    """Return the attempts that a run's history tells of, by task instance."""
    found: dict[str, list[AttemptView]] = {}
    for entry in history:
        if entry.kind == "task.requested":
            _begin(found, entry, 1)
        elif entry.kind == "redriven":
            _begin(found, entry, entry.detail.get("attempt", 1))
        elif entry.kind == "task.claimed":
            _claim(found, entry)
        elif entry.kind in _ENDS and entry.instance in found:
            _end(found[entry.instance][-1], entry)
    return found


def completed(row: TaskRow, told: list[AttemptView]) -> list[AttemptView]:
    """Return a row's attempts with what only the row knows: where the last one stands."""
    if row.tool and row.attempt > (told[-1].attempt if told else 0):
        told = [*told, AttemptView(attempt=row.attempt, requestedAt=moment(row.requested_at))]
    if told and row.state is TaskState.CLOSED and told[-1].outcome in _OUT:
        told[-1].outcome = "cancelled"
    return told


def _begin(found: dict[str, list[AttemptView]], entry: Entry, attempt: int) -> None:
    made = AttemptView(attempt=attempt, requestedAt=moment(entry.at))
    found.setdefault(entry.instance, []).append(made)


def _claim(found: dict[str, list[AttemptView]], entry: Entry) -> None:
    detail = entry.detail
    known = found.setdefault(entry.instance, [])
    if not known or known[-1].attempt != detail["attempt"]:
        requested = moment(entry.at - detail["queuedMs"] / 1000)
        known.append(AttemptView(attempt=detail["attempt"], requestedAt=requested))
    claimed = known[-1]
    claimed.claimedAt, claimed.outcome = moment(entry.at), "claimed"
    claimed.queuedMs, claimed.cold = detail["queuedMs"], detail["cold"]
    claimed.lost = detail.get("claims", 1) - 1


def _end(last: AttemptView, entry: Entry) -> None:
    detail = entry.detail
    last.outcome = _ENDS[entry.kind]
    last.workMs, last.usage = detail.get("workMs"), detail.get("usage")
    last.problem, last.retryAt = detail.get("problem"), moment(detail.get("at"))
    last.coldMs = detail.get("coldMs")
    if last.coldMs is not None and last.queuedMs is not None:
        last.queuedMs = round(max(0.0, last.queuedMs - last.coldMs), 3)
