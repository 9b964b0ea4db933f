"""A Job's pod: the container's program beside its host, with two folders between them.

`ask` is the host's to write and the program's to read, `said` the other way round. The program's
container starts with a shell (`job.yaml`) that waits for `ask/request`, runs it, and is ended by
`ask/stop`. Both outlive a container that dies, so a host that is started again takes up what runs.
What stands in `said` is a stranger's: nothing there is followed, waited for or trusted.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shlex
import stat
from typing import TYPE_CHECKING, Final

from events.errors import ErrorType, ToolError
from functions.container.models import In, Out, Settings
from functions.host.process.asked import output
from functions.host.process.program import Ended

if TYPE_CHECKING:
    from pathlib import Path

    from functions.host.context import Context

_POLL: Final = 0.2
_STREAMS: Final = ("stdout", "stderr")
_CODE: Final = re.compile(r"[0-9]{1,3}")


class Pod:
    """The two folders, as the host has them."""

    def __init__(self, ask: Path, said: Path, settings: Settings) -> None:
        self._ask, self._said, self._settings = ask, said, settings

    async def handle(self, request: In, _: Context) -> Out:
        """Run what is asked for in the program's container, once in the pod's life."""
        if not (self._ask / "request").exists():
            self._release(request)
        if not request.wait:
            return Out(None)
        return output(request, await self._ended())

    def dismiss(self) -> None:
        """End the program, unless nobody was to wait for its end."""
        if not (self._ask / "detached").exists():
            (self._ask / "stop").touch()

    def _release(self, request: In) -> None:
        script = _script(request)
        (self._ask / "stdin").write_text(request.fed or "", "utf-8")
        if not request.wait:
            (self._ask / "detached").touch()
        (self._ask / "request.new").write_text(script, "utf-8")
        (self._ask / "request.new").replace(self._ask / "request")

    async def _ended(self) -> Ended:
        settings = self._settings
        await self._there(
            "begun", settings.job_start, "it did not begin within {:g} s", "JOB_START"
        )
        await self._there("code", settings.job_timeout, "it took longer than {:g} s", "JOB_TIMEOUT")
        code = self._read("code").strip()
        if not _CODE.fullmatch(code):
            raise ToolError("the container left no exit status", title="No container")
        return Ended(int(code), *(self._read(name) for name in _STREAMS))

    async def _there(self, name: str, seconds: float, reason: str, setting: str) -> None:
        """Return once a file is there; ToolError when that takes too long, or too much is said."""
        limit = self._settings.max_bytes
        try:
            async with asyncio.timeout(seconds):
                while self._size(name) is None:
                    if any((self._size(each) or 0) > limit for each in _STREAMS):
                        raise self._too_much()
                    await asyncio.sleep(_POLL)
        except TimeoutError:
            detail = f"{reason.format(seconds)} (TENDRIL_CONTAINER_{setting})"
            raise ToolError(detail, type=ErrorType.TIMEOUT) from None

    def _size(self, name: str) -> int | None:
        with contextlib.suppress(FileNotFoundError):
            return (self._said / name).lstat().st_size
        return None

    def _read(self, name: str) -> str:
        limit = self._settings.max_bytes
        try:
            with open(self._said / name, "rb", opener=_unfollowed) as file:
                regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
                body = file.read(limit + 1) if regular else None
        except OSError:
            body = None
        if body is None:
            raise ToolError(f"the container left no {name}", title="No container")
        if len(body) > limit:
            raise self._too_much()
        return body.decode("utf-8", "replace")

    def _too_much(self) -> ToolError:
        limit = self._settings.max_bytes
        return ToolError(f"it wrote more than {limit} bytes (TENDRIL_CONTAINER_MAX_BYTES)")


def _unfollowed(path: str, flags: int) -> int:
    """Open a file: a link would lead to those beside our settings, a pipe would block."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _script(request: In) -> str:
    """Return what the shell runs, given the path of a busybox: no value is evaluated in it.

    The command is run by the image's own /bin/sh, by busybox's where the image has none.
    """
    variables = [f"{name}={value}" for name, value in request.variables.items()]
    prefix = f'exec "$1" env {shlex.join(["--", *variables])}'
    rest = shlex.join(["-c", request.command or "", "sh", *request.argv])
    return f'if [ -x /bin/sh ]; then {prefix} /bin/sh {rest}; fi\n{prefix} "$1" sh {rest}\n'
