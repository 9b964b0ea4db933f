"""The event that a person's answer to an approval is: only hosts make it, nobody can send it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from events.times import rfc3339
from events.vocabulary import approval_id, event_key

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

Json = Any
SOURCE: Final = "/approvals"


def answer_event(
    form: Mapping[str, Json], run: str, instance: str, answer: Json, by: str | None, at: datetime
) -> dict[str, Json]:
    """Return an answer as the task hears it; its data are `answer`, `by` and `at` (RFC 3339)."""
    time = rfc3339(at)
    return {
        "specversion": "1.0",
        "id": approval_id(run, instance),
        "source": SOURCE,
        "type": form["type"],
        "subject": instance,
        "time": time,
        "datacontenttype": "application/json",
        "data": {"answer": answer, "by": by, "at": time},
    }


def answer_key(run: str, instance: str) -> str:
    """Return the identity of the event that the answer of an approval is."""
    return event_key(SOURCE, approval_id(run, instance))
