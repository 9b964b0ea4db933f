"""Values that are well-formed and still cannot mean anything: schemas, variables, attributes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from events.flow.expressions import is_expression
from events.flow.finding import did_you_mean
from events.flow.place import Place, value_at
from events.flow.rules.filters import filters_of
from events.flow.rules.support import refusal
from events.flow.rules.visit import Visit, Words, tasks_of
from events.flow.schemas import DRAFTS, FORMAT, drafted, flaw
from events.flow.syntax.call import CallTask
from events.flow.syntax.composite import ForTask, TryTask
from events.flow.syntax.event import Correlation
from events.flow.syntax.listen import ListenTask
from events.flow.syntax.simple import EmitTask, SetTask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from events.flow.parse import Parsed
    from events.flow.syntax.node import Node

_VARIABLE: Final = re.compile(r"(?!__)[A-Za-z_][A-Za-z0-9_]*")
_ATTRIBUTE: Final = re.compile(r"[a-z0-9]{1,64}")
_ARGUMENTS: Final = frozenset(
    {"context", "input", "output", "secrets", "task", "workflow", "runtime", "authorization"}
)
_SCHEMAS: Final = ("input", "output", "export")


def meaningless(parsed: Parsed) -> Iterator[Words]:
    """Yield schemas that are none, variables that cannot be bound, attributes that are none."""
    for name in _SCHEMAS:
        yield from _schema(parsed, Place((name, "schema")))
    for place, wanted in filters_of(parsed):
        yield from _filter(place, wanted)
    for name in (parsed.flow.use and parsed.flow.use.retries) or {}:
        yield from _backoff(parsed, Place(("use", "retries", name, "backoff")))
    for visit in tasks_of(parsed.flow):
        yield from _backoff(parsed, visit.place("catch", "retry", "backoff"))
        for name in _SCHEMAS:
            yield from _schema(parsed, visit.place(name, "schema"))
        yield from _variables(visit)
        yield from _ignored(visit)
        if isinstance(visit.task, EmitTask):
            yield from _attributes(visit, visit.task)
        if isinstance(visit.task, ListenTask | CallTask) and visit.task.foreach:
            for name in _SCHEMAS[1:]:
                yield from _schema(parsed, visit.place(*visit.task.foreach_at, name, "schema"))
        if isinstance(visit.task, SetTask) and not parsed.flow.loose:
            yield from _expression(visit.place("set"), visit.task.set)


def _schema(parsed: Parsed, place: Place) -> Iterator[Words]:
    schema = value_at(parsed.definition, place.path)
    if schema is None:
        return
    form = schema.get("format", FORMAT)
    kind, _, version = form.partition(":")
    where = Place((*place.path, "format"), place.task)
    if kind != FORMAT:
        yield where, refusal(str(place), f"format: {form}")
    elif form != FORMAT and version not in DRAFTS:
        known = ", ".join(DRAFTS)
        yield (
            where,
            f"{where}: there is no version '{version}' of {FORMAT}; expected one of {known}",
        )
    elif "document" in schema:
        where = Place((*place.path, "document"), place.task)
        if reason := flaw(drafted(schema["document"], form)):
            yield where, f"{where}: this is no JSON Schema: {reason}"


def _variables(visit: Visit) -> Iterator[Words]:
    named: list[tuple[Place, str]] = []
    if isinstance(visit.task, ForTask):
        loop = visit.task.for_
        named = [(visit.place("for", "each"), loop.each), (visit.place("for", "at"), loop.at)]
        if loop.each == loop.at:
            yield visit.place("for"), f"{visit.place('for')}: 'each' and 'at' need different names"
    elif isinstance(visit.task, ListenTask | CallTask) and visit.task.foreach:
        item, index = visit.task.foreach.names
        at = visit.task.foreach_at
        named = [(visit.place(*at, "item"), item), (visit.place(*at, "at"), index)]
        if item == index:
            place = visit.place(*at)
            yield place, f"{place}: 'item' and 'at' need different names"
    elif isinstance(visit.task, TryTask):
        named = [(visit.place("catch", "as"), visit.task.catch.as_)]
    for place, name in named:
        if _VARIABLE.fullmatch(name) is None:
            what = "letters, digits and underscores, no digit first, no two underscores first"
            yield place, f"{place}: '{name}' is no variable name; expected {what}"
        elif name in _ARGUMENTS:
            yield place, f"{place}: ${name} is an argument of the language; choose another name"


def _ignored(visit: Visit) -> Iterator[Words]:
    """Yield properties that the language lets pass and no run would look at."""
    opened: list[tuple[Place, Node, tuple[str, ...]]] = []
    if isinstance(visit.task, TryTask) and visit.task.catch.errors:
        errors = visit.task.catch.errors
        opened.append((visit.place("catch", "errors"), errors, ()))
        if errors.with_:
            opened.append((visit.place("catch", "errors", "with"), errors.with_, ("detail",)))
    if isinstance(visit.task, EmitTask):
        opened.append((visit.place("emit", "event"), visit.task.emit.event, ()))
    for place, node, also in opened:
        for name in set(node.model_extra or ()).difference(also):
            known = node.properties()
            where = Place((*place.path, name), place.task)
            hint = did_you_mean(name, known)
            expected = f"expected one of {', '.join(known)}"
            yield where, f"unknown property '{name}' in {place}; {expected}{hint}"


def _backoff(parsed: Parsed, place: Place) -> Iterator[Words]:
    """Yield parameters of a back-off: the language lets them pass and gives none a meaning."""
    backoff = value_at(parsed.definition, place.path)
    for kind, parameters in backoff.items() if isinstance(backoff, dict) else ():
        for name in parameters:
            where = Place((*place.path, kind, name), place.task)
            told = Place((*place.path, kind), place.task)
            yield where, f"unknown property '{name}' in {told}; it takes none"


def _attributes(visit: Visit, task: EmitTask) -> Iterator[Words]:
    attributes: dict[str, Any] = task.emit.event.with_.model_extra or {}
    for name, value in attributes.items():
        place = visit.place("emit", "event", "with", name)
        if _ATTRIBUTE.fullmatch(name) is None:
            what = "lower-case letters and digits"
            yield place, f"{place}: '{name}' is no name of an event attribute; expected {what}"
        elif not isinstance(value, str | int | bool):
            yield place, f"{place}: expected a string, a whole number, true or false"


def _filter(place: Place, wanted: dict[str, Any]) -> Iterator[Words]:
    """Yield what a filter asks of events that none of them has."""
    for name in wanted["with"]:
        if name != "data" and _ATTRIBUTE.fullmatch(name) is None:
            where = Place((*place.path, "with", name), place.task)
            what = "lower-case letters and digits"
            yield where, f"{where}: '{name}' is no name of an event attribute; expected {what}"
    known = Correlation.properties()
    for key, each in wanted.get("correlate", {}).items():
        for name in set(each).difference(known):
            owner = Place((*place.path, "correlate", key), place.task)
            hint = did_you_mean(name, known)
            expected = f"expected one of {', '.join(known)}"
            where = Place((*owner.path, name), place.task)
            yield where, f"unknown property '{name}' in {owner}; {expected}{hint}"


def _expression(place: Place, data: str | dict[str, Any]) -> Iterator[Words]:
    if isinstance(data, str) and not is_expression(data):
        yield place, f"{place}: expected an object or an expression ${{ ... }}, found plain text"
