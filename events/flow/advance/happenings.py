"""What can happen to the frame at the top of the stack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from events.errors import Problem

Json = Any


@dataclass(frozen=True, slots=True)
class Arrived:
    """The flow reached it: with the raw input, before `if` and `input`."""

    raw: Json


@dataclass(frozen=True, slots=True)
class Entered:
    """It begins: with the transformed input."""

    data: Json


@dataclass(frozen=True, slots=True)
class Answered:
    """What it asked for outside is done."""

    output: Json


@dataclass(frozen=True, slots=True)
class Due:
    """The time that it waited for has come."""


@dataclass(frozen=True, slots=True)
class Heard:
    """An event came that it may have waited for, or a message that it has waited for."""

    event: dict[str, Json]


@dataclass(frozen=True, slots=True)
class Produced:
    """It has its raw output, before `output` and `export`; `then` comes before the task's own."""

    output: Json
    then: str | None = None


@dataclass(frozen=True, slots=True)
class Returned:
    """The frame above it ended with this output and flow directive."""

    output: Json
    then: str | None = None


@dataclass(frozen=True, slots=True)
class Faulted:
    """An error left the frame above it."""

    problem: Problem


Happening = Arrived | Entered | Answered | Due | Heard | Produced | Returned | Faulted
