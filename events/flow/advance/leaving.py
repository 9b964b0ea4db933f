"""The input of a call, in which the expressions that only its host may evaluate are left."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from events.flow import expressions
from events.flow.advance.arguments import bindings, runner
from events.flow.advance.pointers import task_at
from events.flow.expressions import NOW
from events.flow.late import AUTHORIZATION, SECRETS, Late, late, secret_names
from events.flow.sealed import programs_in, sealed
from events.pointer import escaped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from events.flow.advance.frames import Frame
    from events.flow.advance.work import Work
    from events.flow.expressions import Run

Json = Any


@dataclass(frozen=True, slots=True)
class Left:
    """Stands for a program's value; no JSON value is one, so no data can pass for it."""

    written: str
    kept: bool = False
    """Whether it stays a program for the handler."""
    template: bool = False
    """Whether it is a URI template."""


@dataclass(slots=True)
class Leaving:
    """Resolves a call's arguments in the place of its task."""

    work: Work
    frame: Frame
    left: list[str] = field(default_factory=list)
    """The programs that were left."""
    _evaluate: Run | None = None
    """Made once, with the arguments that are costly to make."""

    def keeping(self, value: Json, path: tuple[str, ...]) -> Json:
        """Return the value with the expression at a path left for the handler, if there is one."""
        if path and isinstance(value, dict) and path[0] in value:
            return value | {path[0]: self.keeping(value[path[0]], path[1:])}
        if path or not isinstance(value, str):
            return value
        self.left.append(expressions.program(value))
        return Left(_expression(self.left[-1]), kept=True)

    @property
    def sealed(self) -> bool:
        """Whether the input that all expressions are evaluated on is not known here."""
        return sealed(self.work.flow, task_at(self.work.flow, self.frame.reference))

    def resolved(self, value: Json) -> Json:
        """Return the value with every expression evaluated, or a Left in its place."""
        if self.sealed:
            return self._all_left(value)
        return expressions.resolve(value, self._run, loose=self.work.flow.loose)

    def _all_left(self, value: Json) -> Json:
        if isinstance(value, str) and (self.work.flow.loose or expressions.is_expression(value)):
            self.left.append(expressions.program(value))
            return Left(value)
        if isinstance(value, dict):
            return {name: self._all_left(inner) for name, inner in value.items()}
        return [self._all_left(inner) for inner in value] if isinstance(value, list) else value

    def _run(self, program: str) -> Json:
        if late(program):
            self.left.append(program)
            return Left(_expression(program))
        if self._evaluate is None:
            frame, context = self.frame, self.work.context
            self._evaluate = runner(
                self.work, frame, frame.input, context=context, input=frame.input
            )
        return self._evaluate(program)

    def late(self, resolved: Json, policy: str) -> tuple[Json, Late | None]:
        """Return resolved arguments as JSON, and what is left to do about them.

        `policy` is the pointer to the callee's authentication policy.
        """
        source = self._source()
        if not self.left and source is None:
            return resolved, None
        values = {} if source is not None else {"input": self.frame.input}
        given = bindings(self.work, self.frame, context=self.work.context, **values)
        mentioned = {name for each in self.left for name in expressions.mentioned(each, given)}
        arguments = {name: given[name] for name in sorted(mentioned | {NOW})}
        used = {name for each in self.left for name in late(each)}
        lefts = list(_lefts(resolved, ""))
        at = tuple(pointer for pointer, left in lefts if not left.kept and not left.template)
        kept = tuple(pointer for pointer, left in lefts if left.kept)
        templates = tuple(pointer for pointer, left in lefts if left.template)
        names = self._secrets() if SECRETS in used else ()
        policy = policy if AUTHORIZATION in used else ""
        known = self.frame.input, arguments, names, policy, kept
        return _written(resolved), Late(at, *known, source, self.work.flow.loose, templates)

    def _source(self) -> Json:
        """Return the `input.from` of a sealed task, whose programs are left too; None else."""
        task = task_at(self.work.flow, self.frame.reference)
        if task.input is None or not self.sealed:
            return None
        self.left += programs_in(task.input.from_, loose=self.work.flow.loose)
        return task.input.from_

    def _secrets(self) -> tuple[str, ...]:
        """Return the declared secrets that the programs name; all where one computes a name."""
        declared = (self.work.flow.use and self.work.flow.use.secrets) or ()
        named = [secret_names(each) for each in self.left if SECRETS in late(each)]
        return tuple(
            name for name in declared if any(each is None or name in each for each in named)
        )


def _expression(program: str) -> str:
    return f"${{ {program} }}"


def _lefts(value: Json, pointer: str) -> Iterator[tuple[str, Left]]:
    if isinstance(value, Left):
        yield pointer, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _lefts(inner, f"{pointer}/{escaped(name)}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _lefts(inner, f"{pointer}/{index}")


def _written(value: Json) -> Json:
    """Return the value with the expressions as they were written."""
    if isinstance(value, Left):
        return value.written
    if isinstance(value, dict):
        return {name: _written(inner) for name, inner in value.items()}
    return [_written(inner) for inner in value] if isinstance(value, list) else value
