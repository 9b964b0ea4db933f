"""The platform's side of a template process: starts it, asks it for forks, hears of exits."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
from typing import Any, Final

from knative.local.planting import Planted, Seed, spawn
from knative.local.process import Command, Process

_LONGEST_LINE: Final = 1 << 20
FORK_DEADLINE: Final = 10.0
"""Seconds a template may take to fork, which takes it milliseconds, before it counts as hung."""


class TemplateError(Exception):
    """A template process that could not start or could not fork."""


class Template:
    """The template process: `planted` at the platform's start, or spawned from `seed`."""

    def __init__(self, seed: Seed, planted: Planted | None = None) -> None:
        self._seed = seed
        self._planted = planted
        self._starting = asyncio.Lock()
        self._up = False
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[Process]] = {}
        self._processes: dict[int, Process] = {}

    async def start(self) -> None:
        """Start the process unless it is up; raises TemplateError with its last words."""
        async with self._starting:
            if not self._up:
                await self._start()

    async def run(self, command: Command) -> Process:
        """Fork a process for `command`, starting the template first where it is not up."""
        await self.start()
        number = next(self._numbers)
        asked: asyncio.Future[Process] = asyncio.get_running_loop().create_future()
        self._asked[number] = asked
        self._writer.write(_line(number, command))
        try:
            return await asyncio.wait_for(asked, FORK_DEADLINE)
        except TimeoutError:
            self._kill()
            raise TemplateError("the template process did not answer: killed") from None

    async def close(self) -> None:
        """End the template; what it forked and what still runs is killed."""
        if not self._up:
            return
        self._writer.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._reader), FORK_DEADLINE)
            return
        self._kill()
        await self._reader

    def _kill(self) -> None:
        """Kill a template that hangs; what it forked ends with it, and the next is spawned."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)

    async def _start(self) -> None:
        planted, self._planted = self._planted or spawn(self._seed), None
        self._pid = planted.pid
        reader, self._writer = await asyncio.open_unix_connection(
            sock=planted.control, limit=_LONGEST_LINE
        )
        if not await reader.readline():
            await self._gone(planted)
            raise TemplateError(f"the template process did not start; see {self._seed.log}")
        self._up = True
        self._reader = asyncio.create_task(self._read(reader, planted), name="template")

    async def _read(self, reader: asyncio.StreamReader, planted: Planted) -> None:
        with contextlib.suppress(OSError):
            while line := await reader.readline():
                self._hear(json.loads(line))
        await self._gone(planted)

    def _hear(self, message: dict[str, Any]) -> None:
        if "exited" in message:
            if process := self._processes.pop(message["exited"], None):
                process.end(message["status"])
            return
        asked = self._asked.pop(message["id"])
        if "error" in message:
            asked.set_exception(TemplateError(f"cannot fork: {message['error']}"))
            return
        process = self._processes[message["pid"]] = Process(message["pid"])
        if asked.cancelled():
            process.send(signal.SIGKILL)
        else:
            asked.set_result(process)

    async def _gone(self, planted: Planted) -> None:
        """The template ended: so did, or now do, all of its children."""
        self._up = False
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()
        os.close(planted.lifeline)
        for process in self._processes.values():
            process.send(signal.SIGKILL)
            process.end(-signal.SIGKILL)
        for asked in self._asked.values():
            if not asked.done():
                asked.set_exception(TemplateError("the template process ended"))
        self._processes.clear()
        self._asked.clear()
        await asyncio.to_thread(planted.wait)


def _line(number: int, command: Command) -> bytes:
    job = {
        "id": number,
        "name": command.name,
        "argv": command.argv,
        "module": command.module,
        "env": command.environment,
        "folder": str(command.folder),
        "log": str(command.log),
    }
    return json.dumps(job).encode() + b"\n"
