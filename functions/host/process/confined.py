"""A stranger's program, confined: what it may see, and how it is told that it may not run."""

from __future__ import annotations

import json
import math
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from events.errors import ErrorType, ToolError
from functions.host.process import child
from functions.host.process.program import Bounds, Ended, run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from functions.host.process.settings import Allowance

_SYSTEM: Final = (
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store",
    "/etc/alternatives", "/etc/ld.so.cache", "/etc/localtime",
)  # fmt: skip
_NETWORK: Final = (
    "/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/ssl", "/etc/pki",
    "/etc/ca-certificates",
)  # fmt: skip
_ENVIRONMENT: Final = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": child.FOLDER,
    "TMPDIR": child.FOLDER,
    "LANG": "C.UTF-8",
}


@dataclass(frozen=True, slots=True)
class Program:
    """What is to be run in `child.FOLDER`, an empty folder in memory with `files` in it."""

    argv: Sequence[str]
    environment: Mapping[str, str]
    stdin: str | None
    files: Mapping[str, str] = field(default_factory=dict)
    readable: Sequence[str] = ()
    """Paths that it needs beside the system's."""


async def run_confined(program: Program, allowance: Allowance) -> Ended:
    """Run a program to its end in namespaces of its own, within the allowance.

    ToolError: configuration where this machine has no namespaces to give, timeout, or runtime
    where it went over another limit.
    """
    prefix = str(allowance.model_config.get("env_prefix", ""))
    if sys.platform != "linux":
        raise _impossible("it takes Linux")
    plan = os.memfd_create("plan")
    status = os.memfd_create("status")
    try:
        os.write(plan, json.dumps(_plan(program, allowance)).encode())
        os.lseek(plan, 0, os.SEEK_SET)
        argv = [sys.executable, "-I", "-S", child.__file__, str(plan), str(status)]
        bounds = Bounds(allowance.timeout, allowance.max_bytes, prefix)
        ended = await run(argv, {}, bounds, stdin=program.stdin, descriptors=(plan, status))
        told = os.pread(status, 4096, 0).decode("utf-8", "replace")
    finally:
        os.close(plan)
        os.close(status)
    if told == "memory":
        limit = f"{allowance.memory} bytes of memory ({prefix}MEMORY)"
        raise ToolError(f"it took more than {limit}")
    if told:
        raise _impossible(told.removeprefix("refused "))
    return ended


def _plan(program: Program, allowance: Allowance) -> dict[str, Any]:
    wanted = [*_SYSTEM, *(_NETWORK if allowance.network else ())]
    inside = [path for path in wanted if Path(path).exists()]
    beside = [path for path in program.readable if not path.startswith("/usr/")]
    return {
        "argv": list(program.argv),
        "environment": {**_ENVIRONMENT, **program.environment},
        "files": dict(program.files),
        "readable": [*inside, *beside],
        "network": allowance.network,
        "limits": {
            "cpu": math.ceil(allowance.timeout) + 1,
            "memory": allowance.memory,
            "disk": allowance.disk,
            "processes": allowance.processes,
        },
    }


def _impossible(why: str) -> ToolError:
    return ToolError(
        f"this machine cannot confine a program, so none is run: {why}; it needs Linux 5.12 or "
        "newer that grants user namespaces to this service; `run: container` does without",
        type=ErrorType.CONFIGURATION,
    )
