"""Listen: wait for events, consume one after the other, and do tasks for each.

The host tells the listen of every event that may be meant; what is consumed is decided here, on
the state. Where the specification leaves room:

- An event counts for one filter: for the first that still waits, those of `until` before all
  others. Each filter of `all` takes the first event that passes it.
- A correlation key without `expect` is bound by the first event that is consumed and has it;
  filters with a key of the same name must agree on its value.
- While the tasks of `foreach` are busy with an event, the others queue. Those that are left in the
  queue when the listen ends have not been consumed: a later visit hears them.
- The tasks of `foreach` get the event, as it was read, for their input (`foreach`).
- `until`, where it is an expression, is evaluated on the output so far, after an event and its
  tasks are done with.
- `read: raw` gives the payload as text: JSON as its text, binary data in base 64.

Source: serverlessworkflow/specification 1.0.3, `dsl-reference.md`, "Listen", "Event Consumption
Strategy", "Subscription Iterator".
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, cast

from events.errors import ErrorType, ToolError
from events.flow import correlate, expressions
from events.flow.advance import template
from events.flow.advance.arguments import runner
from events.flow.advance.happenings import Entered, Heard, Produced, Returned
from events.flow.advance.pointers import task_at
from events.flow.advance.refusals import StaleSignal
from events.flow.advance.tasks import approval, foreach
from events.flow.effects import Consumption, Subscription
from events.flow.syntax.event import EventConsumption
from events.vocabulary import event_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from events.flow.advance.frames import Frame
    from events.flow.advance.work import Work
    from events.flow.signals import EventHeard
    from events.flow.syntax.event import EventFilter
    from events.flow.syntax.listen import ListenTask

Json = Any
_VISIT: Final = re.compile(r"#\d+")


def listener(instance: str) -> str:
    """Return the listener that a listen task's instance is a visit of."""
    return _VISIT.sub("", instance)


def begin(work: Work, frame: Frame, _: Entered) -> Produced | None:
    """Subscribe to what the filters say; nothing more happens here until an event comes."""
    if (form := _task(work, frame).form) is not None:
        approval.ask(work, frame, form)
        return None
    wanted = _filters(_task(work, frame))
    expected = [_expected(work, frame, each) for each in wanted]
    if not wanted:  # `all` of nothing
        return Produced([])
    for each, values in zip(wanted, expected, strict=True):
        made = Subscription(frame.instance, frame.reference, each.definition(), values)
        work.subscriptions.append(made)
    work.become(frame.having(expected=expected, outputs=[]))
    work.record("task.listening", frame, to=[each.shown() for each in work.subscriptions])
    return None


def receive(work: Work, signal: EventHeard) -> Heard | None:
    """Hand an event to the listen, or to its queue while it is busy with another one."""
    places = [i for i, each in enumerate(work.stack) if each.instance == signal.instance]
    place = next((i for i in places if work.stack[i].listens), None)
    if place is None:
        raise StaleSignal(f"the run does not listen at {signal.instance}")
    if place == len(work.stack) - 1:
        return Heard(signal.event)
    frame = work.stack[place]
    work.stack[place] = frame.having(queue=[*frame.local.get("queue", ()), signal.event])
    return None


def hear(work: Work, frame: Frame, heard: Heard) -> Entered | Heard | Produced | Returned | None:
    """Consume an event, if one of the filters still wants it."""
    task, event = _task(work, frame), heard.event
    found = _taken(work, frame, task, event)
    if found is None:
        return _next(work, frame)
    number, values = found
    frame = _noted(work, frame, event, number=number, values=values)
    if number < len(_enders(task)):
        over = _over(frame, cast("EventConsumption", task.listen.to.until), 0)
        return _correlated(work, frame) if over else _next(work, frame)
    return foreach.enter(work, frame, task, _read(event, task.listen.read))


def collect(work: Work, frame: Frame, returned: Returned) -> Heard | Produced | None:
    """Add to the output what came of an event; go on with the next one, or end."""
    task = _task(work, frame)
    frame = foreach.leave(work, frame, task, returned.output)
    return _correlated(work, frame) if _complete(work, frame, task) else _next(work, frame)


def _correlated(work: Work, frame: Frame) -> Produced:
    """End the listen with what came of its events."""
    work.record("task.correlated", frame, keys=frame.local.get("bound", {}))
    return Produced(frame.local["outputs"])


def _next(work: Work, frame: Frame) -> Heard | None:
    queue = frame.local.get("queue")
    if not queue:
        return None
    work.become(frame.having(queue=queue[1:]))
    return Heard(queue[0])


def _task(work: Work, frame: Frame) -> ListenTask:
    return cast("ListenTask", task_at(work.flow, frame.reference))


def _enders(task: ListenTask) -> tuple[EventFilter, ...]:
    """Return the filters of `until`."""
    until = task.listen.to.until
    return correlate.filters_in(until) if isinstance(until, EventConsumption) else ()


def _filters(task: ListenTask) -> tuple[EventFilter, ...]:
    """Return all filters in the order in which an event is held against them."""
    return (*_enders(task), *correlate.filters_in(task.listen.to))


def _expected(work: Work, frame: Frame, wanted: EventFilter) -> dict[str, Json]:
    given = {key: each.expect for key, each in (wanted.correlate or {}).items()}
    values = {}
    for key, expect in given.items():
        if expect is None:
            continue
        values[key] = correlate.canonical(template.resolved(work, frame, expect))
        if values[key] is None:
            reason = f"correlate.{key}.expect gives null, which no event can have"
            raise ToolError(reason, type=ErrorType.VALIDATION)
    return values


def _taken(
    work: Work, frame: Frame, task: ListenTask, event: dict[str, Json]
) -> tuple[int, dict[str, Json]] | None:
    """Return the number of the filter that takes an event, and its correlation values."""
    if task.form is not None:
        return 0, {}  # an answer comes from nobody but the host, and for this task

    def evaluate(program: str, data: Json, arguments: Mapping[str, Json]) -> Json:
        values = {**arguments, "input": frame.input}
        return runner(work, frame, data, context=work.context, **values)(program)

    taken = frame.local.get("taken", ())
    for number, wanted in enumerate(_filters(task)):
        if number not in taken and correlate.matches(wanted, event, evaluate):
            values = correlate.values_of(wanted, event, evaluate)
            bound = {**frame.local.get("bound", {}), **frame.local["expected"][number]}
            if values is not None and all(bound.get(k, v) == v for k, v in values.items()):
                return number, values
    return None


def _noted(
    work: Work, frame: Frame, event: dict[str, Json], *, number: int, values: dict[str, Json]
) -> Frame:
    """Remember which filter has its event, and what the correlation keys are bound to."""
    identity = str(event["source"]), str(event["id"])
    work.consumed.append(Consumption(listener(frame.instance), event_key(*identity)))
    detail = {"source": identity[0], "id": identity[1], "type": event["type"]}
    work.record("event.heard", frame, **detail)
    taken = [*frame.local.get("taken", ()), *([number] if _once(work, frame, number) else [])]
    bound = {**values, **frame.local.get("bound", {})}
    return work.become(frame.having(taken=taken, bound=bound))


def _once(work: Work, frame: Frame, number: int) -> bool:
    """Tell whether a filter takes one event and no more."""
    task = _task(work, frame)
    to = task.listen.to
    strategy = to.until if number < len(_enders(task)) else to
    return isinstance(strategy, EventConsumption) and strategy.all is not None


def _over(frame: Frame, strategy: EventConsumption, first: int) -> bool:
    """Tell whether a strategy whose filters begin at a number has what it waits for."""
    if strategy.all is None:
        return True
    numbers = range(first, first + len(strategy.all))
    return set(numbers) <= set(frame.local.get("taken", ()))


def _complete(work: Work, frame: Frame, task: ListenTask) -> bool:
    """Tell, after an event was consumed, whether there is nothing more to listen for."""
    to = task.listen.to
    if to.until is None:
        return _over(frame, to, 0)
    if isinstance(to.until, EventConsumption):
        return False
    outputs = frame.local["outputs"]
    run = runner(work, frame, outputs, context=work.context, input=frame.input)
    return expressions.condition(to.until, run)


def _read(event: dict[str, Json], how: str | None) -> Json:
    if how == "envelope":
        return event
    data = event.get("data", event.get("data_base64"))
    if how != "raw" or "data_base64" in event:
        return data
    is_text = isinstance(data, str) and not _is_json(event.get("datacontenttype"))
    return data if is_text else json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def _is_json(content_type: Json) -> bool:
    """Tell whether a payload is JSON, which it is where nothing is said."""
    media = str(content_type or "application/json").partition(";")[0].strip().lower()
    return media.endswith(("/json", "+json"))
