"""Which events start a run (`schedule.on`), and what such a run gets as its input.

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

Source: serverlessworkflow/specification 1.0.3, `dsl-reference.md`, "Event Filter"; `dsl.md`,
"Event-driven scheduling".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from events.flow.expressions import ExpressionError, is_expression, program

if TYPE_CHECKING:
    from collections.abc import Mapping

    from events.flow.steps import Evaluate
    from events.flow.syntax import Flow
    from events.flow.syntax.event import EventFilter

Json = Any

_PATTERN: Final = re.compile(r"[\\^$*+?()\[\]{}|]")
_ABSENT: Final = object()


def filters_of(flow: Flow) -> tuple[EventFilter, ...]:
    """Return the filters of which any one starts a run; empty for a flow no event starts."""
    on = flow.schedule.on if flow.schedule else None
    if on is None or on.all is not None:
        return ()
    return (on.one,) if on.one is not None else (on.any or ())


def exact_type(wanted: EventFilter) -> str | None:
    """Return the one event type that can match, for an index; None when several can."""
    given = wanted.with_.type
    return None if given is None or is_expression(given) or _PATTERN.search(given) else given


def matches(wanted: EventFilter, event: Mapping[str, Json], evaluate: Evaluate) -> bool:
    """Tell whether an event passes a filter; one that lacks an attribute does not.

    An expression that fails on this event does not match it: a door stays shut, it does not
    break. `correlate` concerns several events together and is not looked at here.
    """
    given = wanted.with_.definition()
    return all(_fits(each, event.get(name, _ABSENT), evaluate) for name, each in _cheap(given))


def input_of(*events: Mapping[str, Json]) -> list[dict[str, Json]]:
    """Return the raw input of the run that these events start: always a list of them."""
    return [dict(event) for event in events]


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
    if _canonical(wanted) == _canonical(value):
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


def _canonical(value: Json) -> Json:
    """Return a scalar attribute as its canonical string: over HTTP, 5 and "5" are the same."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else value
