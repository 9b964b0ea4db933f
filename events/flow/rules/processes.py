"""Processes to run: is there a tool for it, and can what is given satisfy its schema."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from events.flow import authentications
from events.flow.catalog import Catalog, UnknownFunction
from events.flow.expressions import is_expression
from events.flow.rules.functions import unfitting, unknown_in
from events.flow.rules.support import refusal
from events.flow.rules.visit import Visit, Words, tasks_of
from events.flow.syntax.run import PROCESSES, RunTask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from events.flow.parse import Parsed
    from events.flow.rules.functions import Unknown
    from events.flow.syntax.node import JsonMap

_EMBEDDED: Final = re.compile(r"\$\{\s")
"""An expression inside a text; no shell expands anything that begins so."""


def unrunnable(parsed: Parsed, catalog: Catalog) -> Iterator[Words]:
    """Yield processes that no tool runs, or that theirs would not take."""
    unknown = unknown_in(parsed.flow, endpoints=True)
    for visit in tasks_of(parsed.flow):
        if isinstance(visit.task, RunTask):
            given = visit.task.run.definition()
            for kind in set(PROCESSES).intersection(given):
                inside = authentications.given(kind, given[kind], parsed.flow.policies)
                yield from _process(visit, kind, inside, catalog, unknown)


def _process(
    visit: Visit, kind: str, given: JsonMap, catalog: Catalog, unknown: Unknown
) -> Iterator[Words]:
    try:
        function = catalog.resolve(kind)
    except UnknownFunction:
        yield visit.place(), refusal(str(visit.place()), f"run: {kind}")
        return
    source = given.get("source")
    if source and isinstance(source["endpoint"], str):
        given = {**given, "source": {**source, "endpoint": {"uri": source["endpoint"]}}}
    yield from unfitting(visit, given, function.input_schema, unknown, ("run", kind))
    command = given.get("command")
    if isinstance(command, str) and not is_expression(command) and _EMBEDDED.search(command):
        place = visit.place("run", kind, "command")
        why = "as its value could then say what is executed; hand it over as an argument instead"
        yield place, f"{place}: an expression inside a command is not evaluated, {why}"
