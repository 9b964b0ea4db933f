"""Compiling a flow's expressions, so that `check` finds the ones that jq does not take.

This process is short-lived and runs no program, only compiles; hosts evaluate in workers that
can be killed.
"""

from __future__ import annotations

import re
from typing import Final

_WHERE: Final = re.compile(r"^jq: error: (?P<what>.*?) at <top-level>, line \d+, column \d+:.*$")
_FIRST_LINE: Final = "line 2, column "


def compiled(program: str) -> None:
    """Raise ExpressionError where jq does not compile the program."""
    import jq  # lazy: only `check` and what builds on it pay for them

    from events.flow.expressions import ExpressionError, program_text, shown, variables

    text = program_text(program, sorted(variables(program)), clock=True)
    try:
        jq.compile(text)
    except ValueError as error:
        raise ExpressionError(f"'{shown(program)}': {_reason(str(error))}") from error


def _reason(message: str) -> str:
    """Return jq's own reason without the wrapping that it never should have seen."""
    first = message.partition("\n")[0]
    found = _WHERE.match(first)
    if found is None:
        return first.removeprefix("jq: error: ")
    column = first.partition(_FIRST_LINE)[2].rstrip(":")
    return found["what"] + (f" at column {column}" if column else " at the end")
