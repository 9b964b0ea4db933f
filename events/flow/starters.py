"""Which events start a run (`schedule.on`), alone or together.

One event that passes `one` or any of `any` starts a run. Where the specification leaves room:

- All filters of one strategy that takes several events have the same correlation keys, and only
  events with the same values for them are put together: each such *gathering* is one of its own.
- `all` takes one event for each filter, the earliest of those that wait, and none for two.
- `any` with `until` gathers its events in the order in which they came. `until`, where it is an
  expression, is evaluated on the list of them after each one, without any argument, since there is
  no run yet; where it fails it does not hold. Where it is a strategy, its events count for nothing
  else, are no part of the input, and are held against its filters before those of `any`.
- When the condition holds, one run starts with everything that was gathered. Where that is nothing
  no run starts: "one or more occurrences" of events start one.

Source: serverlessworkflow/specification 1.0.3, `dsl.md`, "Event-driven scheduling";
`dsl-reference.md`, "Event Consumption Strategy".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from events.flow.correlate import canonical, filters_in, matches, values_of
from events.flow.expressions import ExpressionError, condition, is_expression, program
from events.flow.listening import correlation
from events.flow.syntax.event import EventConsumption

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from events.flow.steps import Evaluate
    from events.flow.syntax import Flow
    from events.flow.syntax.event import EventFilter

Json = Any


@dataclass(frozen=True, slots=True)
class Passing:
    """An event and the filters that it passes, by their numbers in `filters_of`."""

    event: Mapping[str, Json]
    filters: Sequence[int]


@dataclass(frozen=True, slots=True)
class Whole:
    """What starts a run, as indexes of the events that waited."""

    starting: tuple[int, ...]
    """In the order of the run's input; none where nothing was gathered, and nothing starts."""
    spent: tuple[int, ...]
    """These, and those that ended the gathering: none of them counts for another one."""


def filters_of(flow: Flow) -> tuple[EventFilter, ...]:
    """Return the filters of the events that start a run, those of `until` before all others."""
    on = _on(flow)
    return () if on is None else (*_enders(on), *filters_in(on))


def gathers(flow: Flow) -> bool:
    """Whether several events start a run together."""
    on = _on(flow)
    return on is not None and (on.all is not None or on.until is not None)


def gathers_until(flow: Flow) -> bool:
    """Whether events are gathered until something holds."""
    on = _on(flow)
    return on is not None and on.until is not None


def ends(flow: Flow, number: int) -> bool:
    """Whether a filter is of those that end a gathering."""
    on = _on(flow)
    return on is not None and number < len(_enders(on))


def keys_of(
    wanted: EventFilter, event: Mapping[str, Json], evaluate: Evaluate
) -> dict[str, Json] | None:
    """Return the values of a filter's correlation keys; None where an event does not pass.

    What a key expects is evaluated on the event.
    """
    values = values_of(wanted, event, evaluate) if matches(wanted, event, evaluate) else None
    if values is None:
        return None
    keys = wanted.correlate or {}
    return (
        values if all(_expects(keys[k].expect, values[k], event, evaluate) for k in keys) else None
    )


def correlated(passed: Iterable[tuple[int, dict[str, Json] | None]]) -> dict[str, tuple[int, ...]]:
    """Return the filters that an event passes, by the correlation that it has there.

    Given are the numbers of filters, each with what `keys_of` says of it.
    """
    found: dict[str, tuple[int, ...]] = {}
    for number, values in passed:
        if values is not None:
            name = correlation(values)
            found[name] = (*found.get(name, ()), number)
    return found


def passes(flow: Flow, event: Mapping[str, Json], evaluate: Evaluate) -> dict[str, tuple[int, ...]]:
    """Return the filters of a flow that an event passes, as `correlated` does."""
    wanted = enumerate(filters_of(flow))
    return correlated((number, keys_of(each, event, evaluate)) for number, each in wanted)


def whole(
    flow: Flow, waiting: Sequence[Passing], evaluate: Evaluate, looked: int = 0
) -> Whole | None:
    """Return the first gathering that is whole among the events that wait; None for none.

    They are of one correlation, in the order in which they came. Of so many of them `looked` says
    that the condition does not hold after them. `flow` is one that `gathers_until`.
    """
    on = _on(flow)
    until = on.until if on else None
    enders = len(_enders(on)) if on else 0
    every = isinstance(until, EventConsumption) and until.all is not None
    taken: set[int] = set()
    starting: list[int] = []
    spent: list[int] = []
    for index, each in enumerate(waiting):
        number = next((number for number in each.filters if number not in taken), None)
        if number is None:
            continue  # one more for a filter of `until.all` that has its own: for the next time
        spent.append(index)
        if number < enders:
            taken.update([number] if every else range(enders))
            over = len(taken) == enders
        else:
            starting.append(index)
            over = index >= looked and _holds(until, (waiting[i].event for i in starting), evaluate)
        if over:
            return Whole(tuple(starting), tuple(spent))
    return None


def starters(flow: Flow, events: Sequence[Mapping[str, Json]], evaluate: Evaluate) -> Whole | None:
    """Return which of the events start the first run; None where they start none."""
    if not gathers(flow):
        return Whole((0,), (0,)) if passes(flow, events[0], evaluate) else None
    filters = len(filters_of(flow))
    waiting: dict[str, list[int]] = {}
    passing: dict[tuple[str, int], tuple[int, ...]] = {}
    for index, event in enumerate(events):
        for name, numbers in passes(flow, event, evaluate).items():
            own = waiting.setdefault(name, [])
            own.append(index)
            passing[name, index] = numbers
            found = (
                whole(flow, [Passing(events[i], passing[name, i]) for i in own], evaluate)
                if gathers_until(flow)
                else _one_of_each(filters, [passing[name, i] for i in own])
            )
            if found is not None and found.starting:
                return Whole(
                    tuple(own[i] for i in found.starting), tuple(own[i] for i in found.spent)
                )
            if found is not None:
                waiting[name] = [each for i, each in enumerate(own) if i not in found.spent]
    return None


def input_of(*events: Mapping[str, Json]) -> list[dict[str, Json]]:
    """Return the raw input of the run that these events start: always a list of them."""
    return [dict(event) for event in events]


def _on(flow: Flow) -> EventConsumption | None:
    return flow.schedule.on if flow.schedule else None


def _enders(on: EventConsumption) -> tuple[EventFilter, ...]:
    return filters_in(on.until) if isinstance(on.until, EventConsumption) else ()


def _one_of_each(filters: int, waiting: Sequence[Sequence[int]]) -> Whole | None:
    """Return the first of each that is none of those before, as the ledger does."""
    chosen: list[int] = []
    for number in range(filters):
        own = (i for i, numbers in enumerate(waiting) if number in numbers and i not in chosen)
        found = next(own, None)
        if found is None:
            return None
        chosen.append(found)
    return Whole(tuple(chosen), tuple(chosen))


def _holds(
    until: str | EventConsumption | None, events: Iterable[Mapping[str, Json]], evaluate: Evaluate
) -> bool:
    if not isinstance(until, str):
        return False
    gathered = input_of(*events)
    try:
        return condition(until, lambda text: evaluate(text, gathered, {}))
    except ExpressionError:
        return False


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
