"""Events that a flow gathers until something holds, as the ledger keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from functions.host.ledger.rows.listen import Gathered


@dataclass(frozen=True, slots=True)
class Member:
    """An event as one of those that are gathered until something holds."""

    digest: str
    correlation: str
    """These two are the gathering: a flow's version, and what all of its events have in common."""
    filters: tuple[int, ...]
    """The doors that it passed, by their number."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An event that is gathered."""

    event: str
    outcome: str
    """As in `Arrival`."""
    filters: tuple[int, ...]
    looked: bool
    """Whether the gathering was looked at since it came, and not whole with it."""


@dataclass(frozen=True, slots=True)
class Look:
    """What came of looking at a gathering."""

    digest: str
    correlation: str
    events: tuple[str, ...]
    """Those that were looked at."""
    at: float
    spent: tuple[str, ...] = ()
    """Those of them that are gathered no more."""
    made: Gathered | None = None
    """The set that was whole."""
