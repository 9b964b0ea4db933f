"""Events that start a run together, and the sets that they make."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """An event as one of several that start a run together."""

    digest: str
    number: int
    of: int
    """Of the door that it passed."""
    correlation: str
    """What the others of its set must have too."""

    @property
    def shape(self) -> str:
        """What the inbox has it under."""
        return f"{self.digest}/{self.number}"


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
class Tally:
    """What a version of a flow has gathered and not begun a run with."""

    events: int
    gatherings: int
    """How many, each of one correlation, they are in."""
    since: float | None
    """When the earliest of them was received; None where there are none."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """A whole set of events, whose run is to be started."""

    id: str
    """The same for the same events."""
    digest: str
    outcomes: tuple[str, ...]
    """The events, as in `Arrival.outcome`, in the order of the run's input."""
    events: tuple[str, ...] = ()
    """Their identities; not stored."""


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
