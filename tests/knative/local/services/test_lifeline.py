"""Claims about what is left when the platform is killed: nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HOLDER = Path(__file__).parent / "holder.py"


@contextmanager
def holder(tools: Path, data: Path) -> Iterator[tuple[int, dict[str, Any], int]]:
    """Run a platform process; give its pid, what the service said, and the service's child."""
    arguments = [sys.executable, str(HOLDER), str(tools), str(data)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            said = json.loads(process.stdout.readline())
            child = json.loads(process.stdout.readline())["pid"]
            yield process.pid, said, child
        finally:
            process.kill()


@pytest.mark.parametrize("preload", ["json.tool", ""])
@pytest.mark.parametrize("frozen", [False, True])
async def test_kill_9_leaves_nothing(
    tmp_path: Path,
    make_tool: Callable[..., Path],
    alive: Callable[[int], bool],
    until: Any,
    preload: str,
    frozen: bool,
) -> None:
    """SIGKILL of the platform ends services, also frozen ones, their children and templates."""
    tools = make_tool(**{"tendril.dev/preload": preload})
    with holder(tools, tmp_path / "data") as (platform, said, child):
        if frozen:
            os.kill(said["pid"], signal.SIGSTOP)
        os.kill(platform, signal.SIGKILL)
        started = [said["pid"], said["parent"], child]
        await until(lambda: not any(alive(pid) for pid in started))


async def test_kill_9_with_a_frozen_template(
    tmp_path: Path, make_tool: Callable[..., Path], alive: Callable[[int], bool], until: Any
) -> None:
    """A forked service hears of the platform's death itself when its template cannot."""
    with holder(make_tool(), tmp_path / "data") as (platform, said, child):
        os.kill(said["parent"], signal.SIGSTOP)
        os.kill(platform, signal.SIGKILL)
        await until(lambda: not alive(said["pid"]) and not alive(child))
        os.kill(said["parent"], signal.SIGCONT)
        await until(lambda: not alive(said["parent"]))
