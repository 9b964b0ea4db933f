"""How a command ends: the exit codes, and the one error that carries a code."""

from __future__ import annotations

from enum import IntEnum
from typing import Any


class Exit(IntEnum):
    """The exit codes of every `tendril` command."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    FAULTED = 3
    RUNNING = 4
    UNREACHABLE = 5


EXPLAINED = (
    "Exit codes: 0 done, the run completed; 1 unexpected failure; 2 bad usage or a bad flow "
    "(file:line:column on stderr); 3 the run faulted or was cancelled (problem+json on stderr), "
    "or a test failed; 4 still running at the timeout; 5 no platform reachable."
)


class CommandError(Exception):
    """Ends the command with `code`; `problem` goes to stderr, `message` where there is none."""

    def __init__(self, code: Exit, message: str, problem: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.problem = problem


class UsageError(CommandError):
    """What the caller gave cannot be used as it stands."""

    def __init__(self, message: str) -> None:
        super().__init__(Exit.USAGE, message)


class Unreachable(CommandError):  # noqa: N818 - it reads as what happened
    """Nothing answers at the platform's address."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(
            Exit.UNREACHABLE,
            f"no platform answers at {url} ({reason}); start one with `tendril up`, "
            "or name another with TENDRIL_URL",
        )
