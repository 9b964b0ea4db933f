"""A process of its own for parsing: a stranger's bytes may hang or crash it, and nothing else.

The parent writes the bytes to the child's stdin and reads JSON from its stdout. The child limits
its own processor time and memory; the parent ends it when the wall clock runs out.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import asdict, dataclass
from typing import Any

from functions.text_collection.parsing import Parsed, UnreadableError, parse


@dataclass(frozen=True, slots=True)
class Limits:
    """What parsing one document may take."""

    seconds: float
    memory: int
    """Bytes of address space."""


async def parse_apart(data: bytes, form: str, charset: str | None, limits: Limits) -> Parsed:
    """Parse in a child process; raises UnreadableError, also for a document that breaks it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        __name__,
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


def answer_to(data: bytes, form: str, charset: str | None) -> dict[str, Any]:
    """Return the child's answer: {"parsed": ...} or {"unreadable": reason}."""
    try:
        return {"parsed": asdict(parse(data, form, charset))}
    except UnreadableError as error:
        reason = str(error)
    except MemoryError:
        reason = "reading it takes more memory than allowed"
    except RecursionError:
        reason = "it is nested too deeply"
    except Exception as error:  # noqa: BLE001 - a stranger's bytes may break a parser anyhow
        reason = f"its {form} structure is broken ({type(error).__name__}: {error})"
    return {"unreadable": reason}


def main(arguments: list[str]) -> None:
    """Be the child: arguments are the format, the charset or "", seconds and bytes of memory."""
    import logging
    import resource  # the child's only; not every platform has it

    logging.disable()  # parsers log what they work around; the outcome is the answer
    form, charset, seconds, memory = arguments
    whole = int(float(seconds)) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (whole, whole + 1))
    resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory)))
    answer = answer_to(sys.stdin.buffer.read(), form, charset or None)
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1:])
