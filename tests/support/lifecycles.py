"""The lifecycle events of a run's tasks, as its history tells them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from functions.flow.standing import OF_ALL, concerned
from functions.flow.tidings import lifecycle_events
from functions.host.ledger.rows.history import Line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from functions.host.ledger.rows.history import Entry

_RUN = "r1"
_ENDS = {"completed", "faulted", "cancelled"}


def of_tasks(history: Sequence[Entry]) -> dict[str, list[str]]:
    """Return what is told of each task, by its instance, in order."""
    found: dict[str, list[str]] = defaultdict(list)
    for number, entry in enumerate(history):
        line = Line(_RUN, "shop", "order", "1.0.0", "0" * 32, None, number, entry)
        about = concerned(history[: number + 1]) if entry.kind in OF_ALL else []
        for event in lifecycle_events(line, about, tasks=True, statuses=False):
            found[str(event.get("subject"))].append(event.type.split(".")[3])
    found.pop(_RUN, None)
    return found


def odd_ends(history: Sequence[Entry]) -> dict[str, list[str]]:
    """Return the tasks of a run that has ended whose end is not told once and last."""
    return {
        instance: told
        for instance, told in of_tasks(history).items()
        if told[0] != "created"
        or told.count("started") > 1
        or [each for each in told if each in _ENDS] != told[-1:]
    }
