"""What `advance` refuses to do at all; a host's matter, never a flow's."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from events.errors import Problem


class StaleSignal(ValueError):  # noqa: N818 - named for what it is
    """A signal for something that this scope does not wait for (any more)."""


class UnknownMachine(ValueError):  # noqa: N818 - named for what it is
    """A state written by another version of the state machine; leave it to a host that knows it."""


class TooWide(Exception):  # noqa: N818 - named for what it is
    """A fork with more branches than this call has time for; ask again where it has more."""


class ExhaustedError(Exception):
    """A scope used up its steps: it faults as a whole, since a catch could go on looping."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem
