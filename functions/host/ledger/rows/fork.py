"""Forks, their branches and how these end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from functions.host.ledger.rows.task import TaskRow


@dataclass(frozen=True, slots=True)
class ScopeRow:
    """A scope that a transition makes: one branch of a fork, in its parent scope."""

    scope: str
    parent: str
    fork: str
    """The instance of the fork task."""
    state: str
    output: str | None
    """Packed, when it completed at once."""


@dataclass(frozen=True, slots=True)
class ForkRow:
    """A fork that a transition begins, with all its branches."""

    fork: str
    """The instance of the fork task."""
    scope: str
    """The one it is in."""
    compete: bool
    begun: int
    """How many of the branches have begun or their turn: the first so many. The others wait."""
    shared: str
    """Packed: what all branches see, which is not in their states."""


@dataclass(frozen=True, slots=True)
class Join:
    """A branch's end, as its fork hears of it."""

    row: TaskRow
    """What is opened when the fork is over: RECORDED, of the fork's instance, in its scope."""
    outright: bool
    """Whether this end alone makes the fork be over: a fault, or a competitor's completion."""
    output: str | None = None
    """The branch's packed output; None where it faulted."""
    turn: TaskRow | None = None
    """What is opened in the next branch that has not begun, by `claims.turn_of`; None where all
    branches may run at the same time."""
