"""Forks as rows, the same in every ledger; from a transition alone, so pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from functions.host.ledger.rows.transition import Transition

SCOPE: Final = ("run", "scope", "state", "rev", "parent", "fork", "number", "output")
"""The columns of a branch's scope, as `scope_rows` gives them."""
FORK: Final = ("run", "fork", "scope", "compete", "open", "begun", "width", "shared")
"""The columns of a fork, as `fork_rows` gives them."""


def scope_rows(step: Transition) -> list[tuple[Any, ...]]:
    """Return the scopes of the forks that a transition begins, each fork's numbered from 0."""
    seen: Counter[str] = Counter()
    rows = []
    for each in step.scopes:
        number = seen[each.fork]
        rows.append(
            (step.run, each.scope, each.state, 1, each.parent, each.fork, number, each.output)
        )
        seen[each.fork] += 1
    return rows


def fork_rows(step: Transition) -> list[tuple[Any, ...]]:
    """Return those forks, with what must end in each."""
    width = Counter(each.fork for each in step.scopes)
    left = Counter(each.fork for each in step.scopes if each.output is None)
    return [
        (
            step.run,
            each.fork,
            each.scope,
            each.compete,
            1 if each.compete else left[each.fork],
            each.begun,
            width[each.fork],
            each.shared,
        )
        for each in step.forks
    ]


def in_vain(step: Transition) -> Transition:
    """Return a fault of a branch as it is written when its fork is over: it counts for nothing.

    Should the run be redriven, the fault is told again, and all that came with it.
    """
    return replace(step, entries=(), outbox=(), consumed=())
