"""Expressions evaluated as hosts do it, by a process of the functions, which cannot be imported."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import orjson

from events.flow.expressions import (
    NOW,
    EmptyResult,
    ExpressionError,
    NotAPath,
    follow,
    mentioned,
)
from knative import interpreter
from knative.cli.exits import CommandError, Exit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Json = Any


class Evaluator:
    """An `Evaluate` over a process that ends with it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def __call__(self, program: str, data: Json, arguments: Mapping[str, Json]) -> Json:
        """Return the program's first output; raise ExpressionError with the reason."""
        with suppress(NotAPath):
            return follow(program, data, arguments)
        named = {name: arguments[name] for name in mentioned(program, arguments)}
        if NOW in arguments:
            named[NOW] = arguments[NOW]
        asked = {"program": program, "data": data, "arguments": named}
        answer = self._ask(orjson.dumps(asked))
        if "value" in answer:
            return answer["value"]
        raise _error(answer)

    def _ask(self, line: bytes) -> dict[str, Json]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(line + b"\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except OSError:
            answer = b""
        if not answer:
            raise CommandError(Exit.FAILURE, "the process that evaluates expressions ended")
        read: dict[str, Json] = orjson.loads(answer)
        return read


@contextmanager
def evaluator() -> Iterator[Evaluator]:
    """Give an evaluator; its process ends with the context."""
    process = subprocess.Popen(  # noqa: S603 - our own module
        interpreter.program("functions.host.jq"),
        env=interpreter.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        yield Evaluator(process)
    finally:
        process.communicate()


def _error(answer: dict[str, Json]) -> ExpressionError:
    kind = EmptyResult if answer["empty"] else ExpressionError
    return kind(answer["detail"])
