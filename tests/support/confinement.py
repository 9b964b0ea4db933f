"""Whether this machine can confine a program: tests of confined ones are skipped if not."""

from __future__ import annotations

import asyncio
from functools import cache

import pytest

from events.errors import ToolError
from functions.host.process.confined import Program, run_confined
from functions.host.process.settings import Allowance


@cache
def _flaw() -> str:
    try:
        asyncio.run(run_confined(Program(["/bin/sh", "-c", "exit 0"], {}, None), Allowance()))
    except ToolError as error:
        return str(error)
    return ""


def confined() -> bool:
    """Return whether this machine can."""
    return not _flaw()


needs_confinement = pytest.mark.skipif(bool(_flaw()), reason=_flaw() or "it can")
