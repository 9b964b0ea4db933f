"""Events that came, and the runs that listen to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from functions.host.ledger.gathering import Member


@dataclass(frozen=True, slots=True)
class Subscription:
    """That a run listens: how an arriving event finds it."""

    shape: str
    correlation: str
    """As in `events.flow.listening`."""
    run: str
    instance: str
    """Of the listen task; its row is LISTENING."""
    scope: str
    reference: str
    listener: str
    """The listen task in its scope, whichever visit of it."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event that fits shapes, for those who listen and those who will."""

    event: str
    """Its identity, `events.vocabulary.event_key`."""
    outcome: str
    """Packed: what the row of a listen that is told of it has for its outcome."""
    at: float
    keys: tuple[tuple[str, str], ...]
    """Shapes that it fits, each with its correlation there."""
    used: bool = False
    """Whether it has started a run by itself."""
    parts: tuple[Part, ...] = ()
    members: tuple[Member, ...] = ()


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
class Kept:
    """An event in the inbox."""

    event: str
    outcome: str
    used: bool
    """Whether it has started a run, or any run has consumed it."""
