"""`tendril`: build, run and watch flows of tools from a terminal."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, NoReturn

from knative import interpreter

if TYPE_CHECKING:
    from types import FrameType


def main() -> None:
    """Run one command and end the process with its exit code; 130 after Ctrl-C."""
    signal.signal(signal.SIGINT, _interrupt)
    interpreter.settle()
    sys.exit(run(sys.argv[1:]))


def _interrupt(number: int, _frame: FrameType | None) -> NoReturn:
    """Unwind, so that what the command started is stopped, and end as a shell expects."""
    raise SystemExit(128 + number)


def run(arguments: list[str]) -> int:
    """Run the command that `arguments` name; return its exit code (see `exits`)."""
    if sorted(arguments) in (["--version"], ["--json", "--version"]):
        # lazy throughout: asking for the version must not pay for a command line framework
        from importlib.metadata import version

        known = version("tendril")
        told = f'{{"version":"{known}"}}' if "--json" in arguments else f"tendril {known}"
        sys.stdout.write(f"{told}\n")
        return 0
    from knative.cli.application import execute

    return execute(arguments)


if __name__ == "__main__":
    main()
