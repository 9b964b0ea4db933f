"""Runtime expressions: each one compiles, and takes only variables that are there.

Source: serverlessworkflow/specification 1.0.3, `dsl.md`, "Runtime expression arguments".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from events.flow.expressions import ExpressionError, is_expression, program
from events.flow.finding import did_you_mean
from events.flow.late import AUTHORIZATION, NAMES, SECRETS, late, secret_names
from events.flow.rules.programs import Program, programs_of
from events.flow.scope import free_variables

if TYPE_CHECKING:
    from events.flow.parse import Parsed
    from events.flow.rules.visit import Words

Compile = Callable[[str], None]


def uncompilable(parsed: Parsed, compile: Compile) -> Iterator[Words]:  # noqa: A002 - it does
    """Yield the expressions that do not compile or take a variable that is not there."""
    reasons: dict[str, str | None] = {}
    declared = list(parsed.definition.get("use", {}).get("secrets", ()))
    for each in programs_of(parsed):
        if each.text.startswith("${") and not is_expression(each.text):
            yield each.place, f"{each.place}: the expression has no closing '}}'; write ${{ ... }}"
            continue
        text = program(each.text)
        if text not in reasons:
            reasons[text] = _reason(text, compile)
        if reasons[text] is not None:
            yield each.place, f"{each.place}: the expression does not compile: {reasons[text]}"
        else:
            yield from _unbound(each, text, declared)


def _reason(text: str, compile: Compile) -> str | None:  # noqa: A002 - the caller's name
    try:
        compile(text)
    except ExpressionError as error:
        return str(error)
    return None


def _undeclared(each: Program, text: str, declared: list[str]) -> Iterator[Words]:
    named = secret_names(text) if SECRETS in late(text) else ()
    for name in sorted(named or ()):
        if name not in declared:
            hint = did_you_mean(name, declared)
            yield each.place, f"{each.place}: '{name}' is not defined under 'use.secrets'{hint}"


def _unbound(each: Program, text: str, declared: list[str]) -> Iterator[Words]:
    if SECRETS in each.variables:
        yield from _undeclared(each, text, declared)
    for name in sorted(free_variables(text) - each.variables):
        if name in NAMES:
            where = (
                "in the 'with' of a call of a tool, in a process to 'run' and in their 'input.from'"
            )
            if name == AUTHORIZATION:
                where = "in the 'with' of a call that has an 'authentication'"
            reason = f"can be used {where} alone: anywhere else what it gives would be recorded"
            yield each.place, f"{each.place}: ${name} {reason}"
        else:
            there = ", ".join(f"${known}" for known in sorted(each.variables))
            there = f"one of {there}" if there else "none, only the event"
            hint = did_you_mean(name, each.variables).replace("'", "'$", 1)
            yield (
                each.place,
                f"{each.place}: there is no ${name} here; expected {there}{hint}",
            )
