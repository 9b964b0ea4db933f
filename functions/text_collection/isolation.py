"""A process of its own for parsing: a stranger's bytes may hang or crash it, and nothing else.

The child is `functions.text_collection.reader`. It limits its own processor time and memory; the
parent ends it when the wall clock runs out.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import dataclass

from functions.text_collection.parsing import Parsed, UnreadableError, parse


@dataclass(frozen=True, slots=True)
class ParsingLimits:
    """What parsing one document may take."""

    seconds: float
    memory: int
    """Bytes of address space."""


async def parse_apart(data: bytes, form: str, charset: str | None, limits: ParsingLimits) -> Parsed:
    """Parse in a child process; raises UnreadableError, also for a document that breaks it.

    Plain text has no structure to break a parser with, and is decoded here.
    """
    if form == "text":
        return await asyncio.to_thread(parse, data, form, charset)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "functions.text_collection.reader",
        *(form, charset or "", str(limits.seconds), str(limits.memory)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},  # and none of our secrets
    )
    try:
        async with asyncio.timeout(limits.seconds):
            answer, _ = await process.communicate(data)
    except TimeoutError:
        raise UnreadableError(f"reading it takes longer than {limits.seconds:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return _parsed(answer, process.returncode)


def _parsed(answer: bytes, status: int | None) -> Parsed:
    if status:
        raise UnreadableError(f"reading it broke the parser (exit status {status})")
    said = json.loads(answer)
    if "unreadable" in said:
        raise UnreadableError(said["unreadable"])
    return Parsed.from_json(said["parsed"])
