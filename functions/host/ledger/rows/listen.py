"""Events that came, and the runs that listen to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from functions.host.ledger.rows.gathering import Member, Part


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
class Kept:
    """An event in the inbox."""

    event: str
    outcome: str
    used: bool
    """Whether it has started a run, or any run has consumed it."""
