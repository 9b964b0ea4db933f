"""Which events are meant: those that start a run (`schedule.on`), those that a `listen` waits for.

An event is given as the DSL shows it to expressions: a map of its attributes plus `data`, the
parsed payload. What a filter's `with` may say about an attribute:

- `${ ... }`: evaluated on the attribute's value (for `data`: on the payload, as the DSL's own
  examples do). True or false decides, any other result must equal the value.
- A string: equal, or, when it has a character that only regular expressions use, a regular
  expression found in the value. Dots do not count, so that a type such as `com.acme.order.v1`
  means exactly itself. Anchor with `^` and `$` where the whole value is meant.
- An object (for `data`): each of its members matches in the same way, others may be there.
- Anything else: equal.

Regular expressions run in jq (`test`), through `evaluate`, since that can be stopped.

`correlate` takes values from the whole event (`.roomid`, `.data.order.id`). Where the specification
leaves room: an event in which a key has no value (null, or the expression fails) is not meant;
a number and its text are the same value, as they are for attributes.

Source: serverlessworkflow/specification 1.0.3, `dsl-reference.md`, "Event Filter" and
"Correlation"; `dsl.md`, "Event-driven scheduling".
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from events.flow.expressions import ExpressionError, is_expression, program, shown
from events.flow.syntax.event import EventFilter, FilterProperties

if TYPE_CHECKING:
    from collections.abc import Mapping

    from events.flow.steps import Evaluate
    from events.flow.syntax.event import EventConsumption

Json = Any

_PATTERN: Final = re.compile(r"[\\^$*+?()\[\]{}|]")
_ABSENT: Final = object()
EVERY_EVENT: Final = EventFilter.model_construct(with_=FilterProperties.model_construct())
"""What `any: []` means."""


def filters_in(strategy: EventConsumption) -> tuple[EventFilter, ...]:
    """Return the filters of a strategy; an empty `any` means every event."""
    if strategy.one is not None:
        return (strategy.one,)
    return strategy.all if strategy.all is not None else strategy.any or (EVERY_EVENT,)


def filter_of(definition: dict[str, Json]) -> EventFilter:
    """Read a filter from its JSON; an empty `with` means every event."""
    return EventFilter.model_validate(definition) if definition["with"] else EVERY_EVENT


def values_of(
    wanted: EventFilter, event: Mapping[str, Json], evaluate: Evaluate
) -> dict[str, Json] | None:
    """Return the values of a filter's correlation keys; None where the event lacks one."""
    found: dict[str, Json] = {}
    for key, correlation in (wanted.correlate or {}).items():
        try:
            value = evaluate(program(correlation.from_), dict(event), {})
        except ExpressionError:
            return None
        if value is None:
            return None
        found[key] = canonical(value)
    return found


def exact_type(wanted: EventFilter) -> str | None:
    """Return the one event type that can match, for an index; None when several can."""
    given = wanted.with_.type
    return None if given is None or is_expression(given) or _PATTERN.search(given) else given


def matches(wanted: EventFilter, event: Mapping[str, Json], evaluate: Evaluate) -> bool:
    """Tell whether an event passes a filter; one that lacks an attribute does not.

    An expression that fails on this event does not match it: a door stays shut, it does not
    break. `correlate` is not looked at here.
    """
    given = wanted.with_.definition()
    return all(_fits(each, event.get(name, _ABSENT), evaluate) for name, each in _cheap(given))


def failure(wanted: EventFilter, event: Mapping[str, Json], evaluate: Evaluate) -> str:
    """Say, for people, what of an event does not pass a filter; empty where all of it does."""
    given = wanted.with_.definition()
    failing = (
        _failure(name, each, event.get(name, _ABSENT))
        for name, each in _cheap(given)
        if not _fits(each, event.get(name, _ABSENT), evaluate)
    )
    return "; ".join(failing)


def _failure(name: str, wanted: Json, value: Json) -> str:
    if value is _ABSENT:
        return f"{name} is missing"
    said = shown(json.dumps(value, ensure_ascii=False))
    if isinstance(wanted, str) and is_expression(wanted):
        return f"{name} is {said}, of which `{shown(program(wanted))}` does not hold"
    return f"{name} is {said}, not {shown(json.dumps(wanted, ensure_ascii=False))}"


def _cheap(given: dict[str, Json]) -> list[tuple[str, Json]]:
    """Put what needs no evaluation first."""
    return sorted(given.items(), key=lambda item: not _literal(item[1]))


def _literal(wanted: Json) -> bool:
    return isinstance(wanted, str) and not _PATTERN.search(wanted)


def _fits(wanted: Json, value: Json, evaluate: Evaluate) -> bool:
    if value is _ABSENT:
        return False
    if isinstance(wanted, str) and is_expression(wanted):
        return _holds(program(wanted), value, evaluate)
    if isinstance(wanted, dict) and isinstance(value, dict):
        return all(_fits(each, value.get(name, _ABSENT), evaluate) for name, each in wanted.items())
    if canonical(wanted) == canonical(value):
        return True
    if isinstance(wanted, str) and isinstance(value, str) and _PATTERN.search(wanted):
        return _found(wanted, value, evaluate)
    return False


def _holds(text: str, value: Json, evaluate: Evaluate) -> bool:
    try:
        result = evaluate(text, value, {})
    except ExpressionError:
        return False
    return bool(result) if isinstance(result, bool) else bool(result == value)


def _found(pattern: str, value: str, evaluate: Evaluate) -> bool:
    try:
        return evaluate("test($pattern)", value, {"pattern": pattern}) is True
    except ExpressionError:
        return False


def canonical(value: Json) -> Json:
    """Return a scalar as its canonical string: over HTTP, 5 and "5" are the same."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, int | float) else value
