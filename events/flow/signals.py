"""What goes into `advance`: what has happened to a scope."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from events.errors import Problem

Json = Any


@dataclass(frozen=True, slots=True)
class Start:
    """The run's first signal; the raw input is in Facts."""


@dataclass(frozen=True, slots=True)
class TaskCompleted:
    """A requested task's result arrived: `output` is its raw output."""

    instance: str
    output: Json


@dataclass(frozen=True, slots=True)
class TaskFaulted:
    """A requested task ended in a terminal error."""

    instance: str
    problem: Problem


@dataclass(frozen=True, slots=True)
class TimerFired:
    """A requested timer is due."""

    instance: str


@dataclass(frozen=True, slots=True)
class EventHeard:
    """An event came that may be one that a listen waits for; the listen decides."""

    instance: str
    """Of the listen."""
    event: dict[str, Json]
    """Its attributes, and its payload as `data` (`data_base64` where it is binary)."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A dormant branch may begin: another one has ended."""

    instance: str


Signal = Start | TaskCompleted | TaskFaulted | TimerFired | EventHeard | Turn
