"""Runtime expressions of the DSL: what counts as one, what jq program it becomes.

Pure: nothing here evaluates jq. `functions.host.jq` does, in a process that can be killed; it
turns a program into text with `program_text` and gets back JSON. The engine is jq itself (the
PyPI binding): `jaq-rs` compiles four times faster but is another language in the corners flows
touch (`.a.b = 3` and `.[2] = 1` fail on missing values, surrogate pairs do not parse, `.[0]` of
an object is null), and the DSL promises jq.

Rules of this runtime, where the DSL leaves room:

- The first output of a program is its result. A program without output has no result: that is
  an error (`EmptyResult`), except for a condition, where it means false.
- A condition holds when its result is neither false nor null, as in jq.
- `now` is the transition's recorded time, so that a step can be computed again.

Source: serverlessworkflow/specification 1.0.3, `dsl.md`, "Runtime Expressions".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from events.errors import ErrorType, Problem, TendrilError

Json = Any
Run = Callable[[str], Json]
"""Evaluates one bare program in its place; raises ExpressionError."""

NOW: Final = "__now"
"""The reserved argument that carries the transition's time, in seconds since the epoch."""

_WRAPPED: Final = re.compile(r"^\s*\$\{(.+)\}\s*$", re.DOTALL)
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_VARIABLE: Final = re.compile(r"\$\s*(?!__loc__\b|ENV\b)([A-Za-z_][A-Za-z0-9_]*)(?!\w*::)")
_PATH: Final = re.compile(r"(?:\$([A-Za-z][A-Za-z0-9_]*))?((?:\.[A-Za-z_][A-Za-z0-9_]*)*)")
_SHOWN: Final = 200


class NotAPath(Exception):  # noqa: N818 - it says what the caller finds out
    """A program that must be evaluated by jq, on this data."""


class ExpressionError(TendrilError):
    """An expression that does not compile, fails, or goes over a limit."""

    def __init__(self, detail: str) -> None:
        super().__init__(Problem(ErrorType.EXPRESSION, 400, "Expression error", detail))


class EmptyResult(ExpressionError):  # noqa: N818 - it is one, refined
    """An expression that gave no output where a value is needed."""


def is_expression(value: Json) -> bool:
    """Tell whether a value is a string that is exactly one `${ ... }`."""
    return isinstance(value, str) and _WRAPPED.match(value) is not None


def program(text: str) -> str:
    """Return the jq program of a field that is an expression by definition: bare or `${ }`."""
    wrapped = _WRAPPED.match(text)
    return wrapped[1].strip() if wrapped else text.strip()


def resolve(template: Json, run: Run, *, loose: bool = False) -> Json:
    """Return the template with every expression in it, at any depth, replaced by its value.

    In `loose` mode each string is tried as a program, and stays itself where that fails.
    """
    if isinstance(template, str):
        return _resolve_text(template, run, loose=loose)
    if isinstance(template, dict):
        return {name: resolve(value, run, loose=loose) for name, value in template.items()}
    if isinstance(template, list):
        return [resolve(value, run, loose=loose) for value in template]
    return template


def _resolve_text(text: str, run: Run, *, loose: bool) -> Json:
    if is_expression(text):
        return run(program(text))
    if not loose:
        return text
    try:
        return run(text)
    except ExpressionError:
        return text


def transform(template: str | dict[str, Json], run: Run, *, loose: bool = False) -> Json:
    """Evaluate `input.from`, `output.as` or `export.as`: an expression, or an object of them."""
    if isinstance(template, str):
        return run(program(template))
    return resolve(template, run, loose=loose)


def condition(text: str, run: Run) -> bool:
    """Evaluate `if`, `when`, `exceptWhen` or `while`; no output means false."""
    try:
        result = run(program(text))
    except EmptyResult:
        return False
    return result is not None and result is not False


def variables(text: str) -> frozenset[str]:
    """Return the names of the `$variables` a program mentions, its own local ones included."""
    return frozenset(_VARIABLE.findall(text))


def mentioned(text: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return those of `names` that occur in the program at all, sorted: only they need binding."""
    words = set(_WORD.findall(text))
    return tuple(sorted(name for name in names if name in words))


@lru_cache(maxsize=1024)
def _path(text: str) -> tuple[str | None, tuple[str, ...]] | None:
    match = _PATH.fullmatch(text)
    if match is None or not match[0]:
        return None
    return match[1], tuple(match[2].split(".")[1:])


def follow(text: str, data: Json, arguments: Mapping[str, Json]) -> Json:
    """Return what `.a.b` or `$name.a.b` gives, without jq; raise NotAPath for all else.

    Most expressions of a flow are such paths. Where a path meets a value that has no members,
    jq is left to say so.
    """
    found = _path(text)
    if found is None:
        raise NotAPath
    name, members = found
    if name is None:
        value = data
    elif name in arguments:
        value = arguments[name]
    else:
        raise NotAPath
    for member in members:
        if isinstance(value, dict):
            value = value.get(member)
        elif value is not None:
            raise NotAPath
    return value


def program_text(text: str, names: Iterable[str], *, clock: bool) -> str:
    """Return the whole jq program for an expression, taking all it needs from its input.

    The input is `{"data": ..., "arguments": {...}, "now": seconds}`; the one output is the
    result as JSON text. Arguments are bound through the input, so that a program compiles once.

    The expression stands between pipes rather than in parentheses, so `1) | (2` cannot break
    out, and the comma after it makes an unfinished one (`. as $x`) a syntax error. The blank
    line ends a comment even where a backslash continues it. It begins on line 2, column 1.
    """
    binds = " ".join(f".arguments.{name} as ${name} |" for name in names)
    now = ".now as $__now | def now: $__now; " if clock else ""
    return f"{_PREFIX}{now}{binds} .data |\n{text}\n\n, __none | __json"


_PREFIX: Final = (
    'def __json: tojson; def __none: empty; def modulemeta: error("modules are not available"); '
)


def as_text(value: Json) -> str:
    """Return a value as it stands in running text: a string as it is, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def shown(text: str) -> str:
    """Return an expression as an error message quotes it: one line, shortened."""
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else line[: _SHOWN - 3] + "..."
