"""The jq worker: a process that compiles and runs programs, and may die of any of them.

Started by `functions.host.jq.client` as a plain script, without `site` (a third of the start),
with an empty environment. It speaks on descriptor 0, a stream socket; its standard output and
error go nowhere, so nothing a library prints can break a frame.

Request: `>cII`, an operation (`E` evaluate, `C` compile), the lengths of program and input, then
both. Answer: `>cI`, an outcome (`V` a value as JSON text, `N` no output, `F` a failure's message,
`L` longer than the limit) and the length of its body, then the body.

Its limits end it: SIGPROF when an evaluation took too much processor time (not time on the
wall: a frozen or starved machine must fault no run; jq never waits), SIGABRT when it finds no
memory. It ends when the other end of the socket closes, too, and an endless program of a host
that was killed by SIGPROF. (PR_SET_PDEATHSIG would not do: it fires when the *thread* that
started the process ends, and clients live in thread pools.)
"""

from __future__ import annotations

import os
import resource
import signal
import struct
import sys
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import BinaryIO

REQUEST = struct.Struct(">cII")
ANSWER = struct.Struct(">cI")
PROGRAMS_KEPT = 256  # about 20 KiB each


def answer(programs: Programs, operation: bytes, text: str, data: str, most: int) -> list[bytes]:
    """Do one request; return the outcome and the body of its answer."""
    try:
        program = programs.compiled(text)
        if operation == b"C":
            return [b"V", b"null"]
        for output in program.input_text(data):
            body = output.encode() if isinstance(output, str) else b"null"
            return [b"V", body] if len(body) <= most else [b"L", b""]
    except ValueError as error:
        return [b"F", str(error).encode(errors="replace")[:most]]
    return [b"N", b""]


class Programs:
    """Compiled programs by their text, the least recently used dropped."""

    def __init__(self, compile_: Any) -> None:
        self._compile = compile_
        self._kept: OrderedDict[str, Any] = OrderedDict()

    def compiled(self, text: str) -> Any:
        """Return the compiled program; raise ValueError with jq's message."""
        program = self._kept.get(text)
        if program is None:
            program = self._kept[text] = self._compile(text)
            if len(self._kept) > PROGRAMS_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(text)
        return program


def serve(stream: BinaryIO, programs: Programs, seconds: float, most: int) -> None:
    """Answer requests until the stream ends."""
    while len(head := stream.read(REQUEST.size)) == REQUEST.size:
        operation, text_size, data_size = REQUEST.unpack(head)
        text, data = stream.read(text_size).decode(), stream.read(data_size).decode()
        signal.setitimer(signal.ITIMER_PROF, seconds)
        outcome, body = answer(programs, operation, text, data, most)
        signal.setitimer(signal.ITIMER_PROF, 0)
        _write(ANSWER.pack(outcome, len(body)) + body)


def _write(frame: bytes) -> None:
    while frame:
        frame = frame[os.write(0, frame) :]


def _limit(kind: int, most: int) -> None:
    try:  # noqa: SIM105 - contextlib would double the imports of a process that starts often
        resource.setrlimit(kind, (most, most))
    except (ValueError, OSError):
        pass  # macOS refuses RLIMIT_AS; the other limits stand


def main(arguments: list[str]) -> None:
    """Set the limits, then serve: folder of the binding, seconds, memory and output in bytes."""
    folder, seconds, memory, most = arguments
    os.environ.clear()  # Python itself puts LC_CTYPE there; jq's `env` and `$ENV` show it all
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    sys.path.append(folder)
    import jq  # found only now: `site` did not run

    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_AS, int(memory))
    try:
        with open(0, "rb", closefd=False) as stream:
            serve(stream, Programs(jq.compile), float(seconds), int(most))
    except MemoryError:
        os.abort()  # as jq does


if __name__ == "__main__":
    main(sys.argv[1:])
