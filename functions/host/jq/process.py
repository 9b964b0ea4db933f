"""One jq worker process and the socket to it: start, ask, kill."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from functions.host.jq import worker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from functions.host.jq.limits import EvaluationLimits

_PATIENCE: Final = 10.0
"""How long an answer is waited for, as a multiple of the limit on processor time: only a worker
that is frozen, or a machine that is badly short of processors, takes so long."""


class NotYetError(Exception):
    """No answer in the time allowed; ask again from where waiting hurts nobody."""


class WorkerDiedError(Exception):
    """The process ended before it answered, or was ended because it did not.

    `by` is the signal that ended it: SIGPROF when it used up its time, SIGABRT when it found no
    memory, SIGKILL when somebody else, or our patience, ended it.
    """

    def __init__(self, by: int) -> None:
        super().__init__(f"the worker ended by signal {by}")
        self.by = by


class JqProcess:
    """A running worker; not thread-safe: one request at a time."""

    def __init__(self, limits: EvaluationLimits) -> None:
        self._limits = limits
        self._owner = os.getpid()
        near, far = socket.socketpair()
        with far:
            self._process = _spawn(far, limits)
        self._socket = near
        self._owing = False

    @property
    def pid(self) -> int:
        """The worker's process id."""
        return self._process.pid

    @property
    def usable(self) -> bool:
        """Whether it is this process's own (not inherited over a fork) and has not ended."""
        return self._owner == os.getpid() and self._process.poll() is None

    def ask(self, operation: bytes, program: bytes, data: bytes) -> tuple[bytes, bytes]:
        """Send one request; return outcome and body. Raises WorkerDiedError, and is dead then."""
        with self._mortal():
            self._send(operation, program, data)
            return self._answer()

    def ask_until(
        self, deadline: float, operation: bytes, program: bytes, data: bytes
    ) -> tuple[bytes, bytes]:
        """Ask, but raise NotYetError if no answer comes by `deadline` (monotonic seconds).

        The answer is owed then: `settle` takes it before the next request.
        """
        with self._mortal():
            self._send(operation, program, data)
            self._owing = True
            waiting = max(deadline - time.monotonic(), 0.0)
            if not select.select([self._socket], [], [], waiting)[0]:
                raise NotYetError
            self._owing = False
            return self._answer()

    @property
    def owing(self) -> bool:
        """Whether an answer is still to come that nobody waits for."""
        return self._owing

    def settle(self) -> None:
        """Wait for an owed answer and drop it. Raises WorkerDiedError, and is dead then."""
        if self._owing:
            with self._mortal():
                self._answer()
            self._owing = False

    @contextmanager
    def _mortal(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError:
            raise WorkerDiedError(self.kill()) from None
        except OSError:
            raise WorkerDiedError(self._buried()) from None

    def _send(self, operation: bytes, program: bytes, data: bytes) -> None:
        head = worker.REQUEST.pack(operation, len(program), len(data))
        self._socket.settimeout(self._limits.seconds * _PATIENCE)
        self._socket.sendall(head + program + data)

    def _answer(self) -> tuple[bytes, bytes]:
        deadline = time.monotonic() + self._limits.seconds * _PATIENCE
        outcome, size = worker.ANSWER.unpack(self._receive(worker.ANSWER.size, deadline))
        return outcome, bytes(self._receive(size, deadline))

    def _receive(self, size: int, deadline: float) -> bytearray:
        received = bytearray()
        while len(received) < size:
            self._socket.settimeout(max(deadline - time.monotonic(), 1e-6))
            piece = self._socket.recv(size - len(received))
            if not piece:
                raise ConnectionResetError
            received += piece
        return received

    def kill(self) -> int:
        """End the process at once, reap it and return the signal; safe to call again."""
        if self._owner == os.getpid():
            self._process.kill()
        return self._buried()

    def _buried(self) -> int:
        """Close the socket, which ends an idle worker, and wait for the end."""
        self._socket.close()
        if self._owner != os.getpid():
            return 0
        return -self._process.wait()


def _spawn(far: socket.socket, limits: EvaluationLimits) -> subprocess.Popen[bytes]:
    binding = find_spec("jq")
    assert binding is not None
    assert binding.origin is not None
    folder = str(Path(binding.origin).parent)
    arguments = [folder, limits.seconds, limits.memory, limits.output]
    return subprocess.Popen(  # noqa: S603 - our own interpreter and our own file
        [sys.executable, "-I", "-S", worker.__file__, *map(str, arguments)],
        stdin=far.fileno(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={},
    )
