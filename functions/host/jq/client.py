"""Evaluates expressions in jq workers, from any thread.

A program that runs too long or takes too much memory ends its process and fails its own
evaluation only: the next one finds a new process. A process that ends for another reason, or
that somebody froze, is replaced within the evaluation, which is pure and can be done again.
"""

from __future__ import annotations

import queue
import re
import signal
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import orjson

from events.flow import expressions
from events.flow.expressions import NOW, EmptyResult, ExpressionError, NotAPath
from functions.host.jq import encoding
from functions.host.jq.limits import MIB, EvaluationLimits
from functions.host.jq.process import JqProcess, NotYetError, WorkerDiedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from events.flow.steps import Evaluate

Json = Any

_NOISE: Final = re.compile(r"^jq: error: | at <top-level>|\n.*$", re.DOTALL)
_OF_THE_PROGRAM: Final = frozenset({signal.SIGPROF, signal.SIGABRT, signal.SIGSEGV})
_QUICK: Final = 65_536
"""Bytes of data that an event loop may send; more could block on a full socket."""
_LINE: Final = re.compile(r", line (\d+), column (\d+):?")


class JqPool:
    """The `Evaluate` of a host: one worker by default, started at the first use."""

    def __init__(self, limits: EvaluationLimits | None = None, *, size: int = 1) -> None:
        self._limits = limits or EvaluationLimits()
        # last in, first out: the worker used last has its programs compiled and its pages warm
        self._free: queue.LifoQueue[_Slot] = queue.LifoQueue()
        self._slots = [_Slot(self._limits) for _ in range(size)]
        for slot in self._slots:
            self._free.put(slot)

    def evaluate(self, program: str, data: Json, arguments: Mapping[str, Json]) -> Json:
        """Return the program's first output on `data`; raise ExpressionError with the reason.

        Only the arguments whose name occurs in the program are read and sent. The argument
        `expressions.NOW`, when there is one, is what `now` gives.
        """
        return self._evaluate(program, data, arguments, None)

    def within(self, seconds: float) -> Evaluate:
        """Return an `Evaluate` for an event loop: it never waits longer than `seconds` in all.

        It raises NotYetError where a worker is busy, or not done by then; what asked can be
        asked again of `evaluate`, in a thread.
        """
        deadline = time.monotonic() + seconds

        def evaluate(program: str, data: Json, arguments: Mapping[str, Json]) -> Json:
            return self._evaluate(program, data, arguments, deadline)

        return evaluate

    def _evaluate(
        self, program: str, data: Json, arguments: Mapping[str, Json], deadline: float | None
    ) -> Json:
        if program == ".":
            return data
        with suppress(NotAPath, TypeError):  # the latter of what jq would change on its way
            value = expressions.follow(program, data, arguments)
            if len(orjson.dumps(value)) <= self._limits.output:
                return value
        clock = NOW in arguments
        names = expressions.mentioned(program, arguments)
        document = {"data": data, "arguments": {name: arguments[name] for name in names}}
        if clock:
            document["now"] = arguments[NOW]
        text = expressions.program_text(program, names, clock=clock)
        outcome, body = self._ask(b"E", program, text, encoding.encode(document), deadline)
        return _result(outcome, body, program, self._limits)

    __call__ = evaluate

    def compile(self, program: str, names: Iterable[str] | None = None) -> None:
        """Raise ExpressionError unless the program compiles.

        Args:
            program: A bare jq program.
            names: The variables in its scope; None takes every variable it mentions for bound.
        """
        bound = expressions.variables(program) if names is None else names
        text = expressions.program_text(program, expressions.mentioned(program, bound), clock=True)
        outcome, body = self._ask(b"C", program, text, b"")
        _result(outcome, body, program, self._limits)

    def start(self) -> None:
        """Start one worker now, so that the first evaluation does not wait for it."""
        with self._slot() as slot:
            slot.process()

    def pids(self) -> tuple[int, ...]:
        """Return the process ids of the workers that have been started."""
        return tuple(slot.pid for slot in self._slots if slot.pid is not None)

    def close(self) -> None:
        """End the workers; an evaluation after this starts one again."""
        for _ in self._slots:
            slot = self._free.get()
            slot.drop()
        for slot in self._slots:
            self._free.put(slot)

    @contextmanager
    def _slot(self, *, wait: bool = True) -> Iterator[_Slot]:
        try:
            slot = self._free.get(block=wait)
        except queue.Empty:
            raise NotYetError from None
        try:
            yield slot
        finally:
            self._free.put(slot)

    def _ask(
        self,
        operation: bytes,
        program: str,
        text: str,
        data: bytes,
        deadline: float | None = None,
    ) -> tuple[bytes, bytes]:
        with self._slot(wait=deadline is None) as slot:
            try:
                if deadline is not None:
                    return slot.ask_until(deadline, operation, _utf8(text, program), data)
                return slot.ask(operation, _utf8(text, program), data)
            except WorkerDiedError as death:
                raise _failure(program, _verdict(death, self._limits)) from None


class _Slot:
    """A place for one worker, which is replaced when it dies."""

    def __init__(self, limits: EvaluationLimits) -> None:
        self._limits = limits
        self._process: JqProcess | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def process(self) -> JqProcess:
        if self._process is not None and not self._process.usable:
            self.drop()
        if self._process is None:
            self._process = JqProcess(self._limits)
        return self._process

    def ask(self, operation: bytes, text: bytes, data: bytes) -> tuple[bytes, bytes]:
        """Ask, and ask a new worker once more where the program was not what ended the first."""
        try:
            return self._ask(operation, text, data)
        except WorkerDiedError as death:
            if death.by in _OF_THE_PROGRAM:
                raise
            return self._ask(operation, text, data)

    def ask_until(
        self, deadline: float, operation: bytes, text: bytes, data: bytes
    ) -> tuple[bytes, bytes]:
        """Ask a worker that runs already; NotYetError where that would mean waiting."""
        process = self._process
        if process is None or not process.usable or process.owing or len(data) > _QUICK:
            raise NotYetError
        try:
            return process.ask_until(deadline, operation, text, data)
        except NotYetError:
            raise
        except BaseException:
            self.drop()
            raise

    def _ask(self, operation: bytes, text: bytes, data: bytes) -> tuple[bytes, bytes]:
        try:
            self.process().settle()
        except WorkerDiedError:
            self.drop()  # by what it still worked on, which is not this program
        process = self.process()
        try:
            return process.ask(operation, text, data)
        except BaseException:
            self.drop()  # an answer that comes late must not be taken for the next one's
            raise

    def drop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process = None


def _utf8(text: str, program: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise _failure(program, "the expression is not valid Unicode") from None


def _result(outcome: bytes, body: bytes, program: str, limits: EvaluationLimits) -> Json:
    if outcome == b"V":
        return encoding.decode(body, program)
    if outcome == b"N":
        raise EmptyResult(f"`{expressions.shown(program)}`: the expression has no output")
    if outcome == b"L":
        raise _failure(program, f"the result is longer than {limits.output / MIB:g} MiB")
    raise _failure(program, _reason(body.decode(errors="replace"), program))


def _verdict(death: WorkerDiedError, limits: EvaluationLimits) -> str:
    if death.by == signal.SIGPROF:
        return f"the expression ran longer than {limits.seconds:g} s"
    if death.by == signal.SIGABRT:
        return f"the expression needed more than {limits.memory / MIB:g} MiB"
    return "the expression's process ended twice before it answered"


def _failure(program: str, reason: str) -> ExpressionError:
    return ExpressionError(f"`{expressions.shown(program)}`: {reason}")


def _reason(message: str, program: str) -> str:
    """Return jq's message without its prefix and drawing, its position counted in the program."""
    at = _LINE.search(message)
    if at and int(at[1]) - 1 > program.count("\n") + 1:
        return "the expression ends too early"
    first = _NOISE.sub("", message)
    return _LINE.sub(lambda at: f" (line {int(at[1]) - 1}, column {at[2]})", first)
