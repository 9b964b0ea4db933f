"""The languages that scripts are written in: which interpreter runs them, and how.

Where the specification leaves room: JavaScript is an ES module, as its own example is one; Python
is the version that this service runs on, without anything installed beside its standard library
being promised.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from events.errors import ErrorType, ToolError
from functions.host.process.child import FOLDER
from functions.host.process.confined import Program

if TYPE_CHECKING:
    from functions.script.models import In


def program(request: In, code: str, memory: int) -> Program:
    """Return what runs the code; ToolError (configuration) where no interpreter is installed."""
    argv, name, readable = _python() if request.language == "python" else _node(memory)
    argv = [*argv, f"{FOLDER}/{name}", *request.argv]
    return Program(argv, request.variables, request.fed, {name: code}, readable)


def _python() -> tuple[list[str], str, tuple[str, ...]]:
    prefix = os.path.realpath(sys.base_prefix)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    # not sys.executable: a virtual environment's is a link to it, and its packages are ours
    return [f"{prefix}/bin/{version}", "-I", "-B"], "script.py", (prefix,)


def _node(memory: int) -> tuple[list[str], str, tuple[str, ...]]:
    found = shutil.which("node")
    if found is None:
        raise ToolError(
            "no node is installed where this service runs, which JavaScript takes; install it "
            "there, or use `run: container`",
            type=ErrorType.CONFIGURATION,
        )
    node = str(Path(found).resolve())
    heap = max(16, memory // (2 << 20))  # MiB; half, as there is more than the heap
    return [node, f"--max-old-space-size={heap}"], "script.mjs", (node,)
