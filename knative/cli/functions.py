"""The functions' own programs, whose package this one may not import: each in a process."""

import subprocess

from knative import interpreter
from knative.cli.exits import CommandError, Exit


def said_by(module: str, *arguments: str, failed: str, stdin: str = "") -> str:
    """Return what a program of the functions prints; CommandError: `failed`, and why."""
    done = subprocess.run(  # noqa: S603 - our own module
        interpreter.program(module, *arguments),
        env=interpreter.environment(),
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        reason = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise CommandError(Exit.FAILURE, f"{failed}: {reason[0]}")
    return done.stdout
