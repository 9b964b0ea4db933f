"""`tendril`: build, run and watch flows of tools from a terminal."""

from __future__ import annotations

import sys


def main() -> None:
    """Run one command and end the process with its exit code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the command that `arguments` name; return its exit code (see `exits`)."""
    if arguments == ["--version"]:
        # lazy throughout: asking for the version must not pay for a command line framework
        from importlib.metadata import version

        sys.stdout.write(f"tendril {version('tendril')}\n")
        return 0
    from knative.cli.application import execute

    return execute(arguments)


if __name__ == "__main__":
    main()
