"""Run one program to its end: fed, read within bounds, and gone with all its group after."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from events.errors import ErrorType, ToolError

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Mapping, Sequence

_CHUNK: Final = 65_536


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long a program may take and how much it may say, and the setting that says so."""

    timeout: float
    """Seconds."""
    max_bytes: int
    """Of stdout, and of stderr."""
    prefix: str
    """What the names of the variables begin with, for the error messages."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended; of one that a signal ended the code is 128 and the signal's number."""

    code: int
    stdout: str
    stderr: str


async def run(
    argv: Sequence[str],
    environment: Mapping[str, str],
    bounds: Bounds,
    *,
    stdin: str | None = None,
    descriptors: Sequence[int] = (),
) -> Ended:
    """Run a program in a session of its own, whose every process is killed when this returns.

    ToolError when it takes too long (timeout) or says too much (runtime); OSError when there is
    no such program.
    """
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=PIPE if stdin else DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        env=dict(environment),
        pass_fds=descriptors,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(bounds.timeout):
            said = await _spoken(process, stdin or "", bounds.max_bytes)
            status = await process.wait()
    except TimeoutError:
        raise ToolError(
            f"it took longer than {bounds.timeout:g} s ({bounds.prefix}TIMEOUT)",
            type=ErrorType.TIMEOUT,
        ) from None
    except _TooMuchError:
        raise ToolError(
            f"it wrote more than {bounds.max_bytes} bytes ({bounds.prefix}MAX_BYTES)"
        ) from None
    finally:
        await asyncio.shield(_ended(process))
    code = status if status >= 0 else 128 - status
    return Ended(code, *(each.decode("utf-8", "replace") for each in said))


class _TooMuchError(Exception):
    """A stream that went on beyond its limit."""


async def _spoken(process: Process, stdin: str, limit: int) -> list[bytes]:
    assert process.stdout
    assert process.stderr
    reading = [asyncio.ensure_future(_read(s, limit)) for s in (process.stdout, process.stderr)]
    feeding = asyncio.ensure_future(_feed(process.stdin, stdin.encode()))
    try:
        return await asyncio.gather(*reading)
    finally:
        for each in (*reading, feeding):
            each.cancel()


async def _read(stream: asyncio.StreamReader, limit: int) -> bytes:
    body = bytearray()
    while chunk := await stream.read(_CHUNK):
        body += chunk
        if len(body) > limit:
            raise _TooMuchError
    return bytes(body)


async def _feed(stream: asyncio.StreamWriter | None, data: bytes) -> None:
    if stream is None:
        return
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it need not read it
        stream.write(data)
        await stream.drain()
    stream.close()


async def _ended(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
