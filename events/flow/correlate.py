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
from events.vocabulary import digest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from events.flow.steps import Evaluate
    from events.flow.syntax import Flow
    from events.flow.syntax.event import EventConsumption

Json = Any

_PATTERN: Final = re.compile(r"[\\^$*+?()\[\]{}|]")
_ABSENT: Final = object()
EVERY_EVENT: Final = EventFilter.model_construct(with_=FilterProperties.model_construct())
"""What `any: []` means."""


def filters_of(flow: Flow) -> tuple[EventFilter, ...]:
    """Return the filters of the events that start a run; empty for a flow no event starts.

    One that passes any of them does, but where the strategy is `all`.
    """
    on = flow.schedule.on if flow.schedule else None
    return () if on is None else filters_in(on)


def gathers(flow: Flow) -> bool:
    """Whether one event does not start a run, but one for each filter does."""
    on = flow.schedule.on if flow.schedule else None
    return on is not None and on.all is not None


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


def keys_of(
    wanted: EventFilter, event: Mapping[str, Json], evaluate: Evaluate
) -> dict[str, Json] | None:
    """Return the values of a filter's correlation keys; None where an event does not pass.

    This is for events that start a run: what a key expects is evaluated on the event.
    """
    values = values_of(wanted, event, evaluate) if matches(wanted, event, evaluate) else None
    if values is None:
        return None
    keys = wanted.correlate or {}
    return (
        values if all(_expects(keys[k].expect, values[k], event, evaluate) for k in keys) else None
    )


def _expects(
    expect: str | None, value: Json, event: Mapping[str, Json], evaluate: Evaluate
) -> bool:
    if expect is None:
        return True
    if not is_expression(expect):
        return bool(expect == value)
    try:
        return bool(canonical(evaluate(program(expect), dict(event), {})) == value)
    except ExpressionError:
        return False


def starters(
    flow: Flow, events: Sequence[Mapping[str, Json]], evaluate: Evaluate
) -> tuple[int, ...]:
    """Return which of the events start a run, by their index, in the order of its input.

    That is the first event, or the first set of events where all filters need one; none when it
    is not let in, or no set is whole.
    """
    filters = filters_of(flow)
    if not gathers(flow):
        let_in = any(keys_of(each, events[0], evaluate) is not None for each in filters)
        return (0,) if let_in else ()
    sets: dict[str, list[list[int]]] = {}
    for index, event in enumerate(events):
        for number, wanted in enumerate(filters):
            if (values := keys_of(wanted, event, evaluate)) is None:
                continue
            waiting = sets.setdefault(digest(values), [[] for _ in filters])
            waiting[number].append(index)
            if whole := _one_of_each(waiting):
                return whole
    return ()


def _one_of_each(waiting: list[list[int]]) -> tuple[int, ...]:
    """Return the first of each that is none of those before, as the ledger does; empty else."""
    chosen: list[int] = []
    for own in waiting:
        found = next((each for each in own if each not in chosen), None)
        if found is None:
            return ()
        chosen.append(found)
    return tuple(chosen)


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


def input_of(*events: Mapping[str, Json]) -> list[dict[str, Json]]:
    """Return the raw input of the run that these events start: always a list of them."""
    return [dict(event) for event in events]


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
