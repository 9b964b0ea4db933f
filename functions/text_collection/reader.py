"""The child process of `isolation`: a document's bytes in, JSON out.

It imports little: a process is started for every document.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Any

from functions.text_collection.parsing import UnreadableError, parse


def answer_to(data: bytes, form: str, charset: str | None) -> dict[str, Any]:
    """Return {"parsed": ...} or {"unreadable": reason}."""
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
    """Answer stdin on stdout; arguments: format, charset or "", seconds, bytes of memory."""
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
