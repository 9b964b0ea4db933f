"""Where a flow has runtime expressions, and which variables each of them may take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from events.flow.expressions import is_expression
from events.flow.imports import is_elsewhere
from events.flow.late import NAMES, SECRETS
from events.flow.place import Place, value_at
from events.flow.rules.filters import heard, scheduled
from events.flow.rules.visit import tasks_of
from events.flow.sealed import leaves
from events.flow.syntax.call import AUTHENTICATIONS, CallTask
from events.flow.syntax.composite import ForTask, TryTask
from events.flow.syntax.listen import ListenTask
from events.flow.syntax.run import RunTask
from events.flow.syntax.simple import SwitchTask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from events.flow.parse import Parsed
    from events.flow.rules.visit import Visit
    from events.flow.syntax.base import TaskBase
    from events.flow.syntax.flow import Flow
    from events.flow.syntax.listen import SubscriptionIterator

Json = Any
Names = frozenset[str]

OF_FLOW_INPUT: Final = frozenset({"workflow", "runtime"})
OF_FLOW_OUTPUT: Final = OF_FLOW_INPUT | {"context"}
OF_TASK_INPUT: Final = OF_FLOW_OUTPUT | {"task"}
OF_TASK: Final = OF_TASK_INPUT | {"input"}
OF_EXPORT: Final = OF_TASK | {"output"}
OF_EVENT: Final[Names] = frozenset()

_TEMPLATES: Final = ("emit", "raise", "set", "timeout", "wait")
_OF_FORM: Final = ("title", "description", "data", "assignees", "escalation")


@dataclass(frozen=True, slots=True)
class Program:
    """An expression as written, where it is, and the variables it may take."""

    place: Place
    text: str
    variables: Names


def programs_of(parsed: Parsed) -> Iterator[Program]:
    """Yield every expression that a run may evaluate."""
    definition = parsed.definition
    yield from _transformation(definition, Place(("input", "from")), OF_FLOW_INPUT)
    yield from _transformation(definition, Place(("output", "as")), OF_FLOW_OUTPUT)
    for name in definition.get("use", {}).get("errors", {}):
        yield from _template(definition, Place(("use", "errors", name)), OF_TASK)
    for place, _ in scheduled(definition):
        yield from _filter(definition, place, OF_EVENT)
    yield from _whole(definition, Place(("schedule", "on", "until")), OF_EVENT)
    yield from _template(definition, Place(("timeout",)), OF_FLOW_OUTPUT)
    for name in definition.get("use", {}).get("retries", {}):
        yield from _retry(definition, Place(("use", "retries", name)), OF_TASK)
    for name in definition.get("use", {}).get("authentications", {}):
        place = Place(("use", "authentications", name))
        yield from _template(definition, place, OF_TASK | {SECRETS})
    for name in definition.get("use", {}).get("timeouts", {}):
        yield from _template(definition, Place(("use", "timeouts", name)), OF_TASK)
    for index, named in enumerate(definition.get("use", {}).get("extensions", ())):
        for name in named:
            place = Place(("use", "extensions", index, name, "when"))
            yield from _whole(definition, place, OF_TASK_INPUT)
    for visit in tasks_of(parsed.flow):
        yield from _of_task(parsed.flow, definition, visit)


def _leaves(task: TaskBase, flow: Flow) -> bool:
    """Whether a task asks a tool; a function from elsewhere may not have been fetched."""
    elsewhere = isinstance(task, CallTask) and is_elsewhere(flow, task.call)
    return leaves(flow, task) and not elsewhere


def _of_call(task: CallTask, flow: Flow) -> Names:
    """Return what the arguments of a call of a tool take beside those of any task."""
    if not _leaves(task, flow):
        return frozenset()  # they are the input of the flow's own task, which is recorded
    for path in AUTHENTICATIONS.get(task.call, ())[:1]:
        if value_at(task.with_, path) is not None:
            return NAMES
    return frozenset({SECRETS})


def _of_task(flow: Flow, definition: Json, visit: Visit) -> Iterator[Program]:
    own = visit.variables
    yield from _whole(definition, visit.place("if"), OF_TASK_INPUT | own)
    secret = {SECRETS} if _leaves(visit.task, flow) else set()
    place = visit.place("input", "from")
    yield from _transformation(definition, place, OF_TASK_INPUT | own | secret)
    yield from _transformation(definition, visit.place("output", "as"), OF_TASK | own)
    yield from _transformation(definition, visit.place("export", "as"), OF_EXPORT | own)
    for name in _TEMPLATES:
        yield from _template(definition, visit.place(name), OF_TASK | own)
    if isinstance(visit.task, CallTask):
        names = OF_TASK | own | _of_call(visit.task, flow)
        iterated = visit.place(*visit.task.foreach_at).path
        for each in _template(definition, visit.place("with"), names):
            # an iteration over messages has variables of its own, and so have its tasks
            if visit.task.foreach is None or not each.place.below(iterated):
                yield each
    if isinstance(visit.task, RunTask):
        yield from _template(definition, visit.place("run"), OF_TASK | own | secret)
    if isinstance(visit.task, ListenTask | CallTask) and visit.task.foreach is not None:
        yield from _of_iteration(definition, visit, visit.task.foreach_at, visit.task.foreach)
    yield from _of_kind(definition, visit)


def _of_kind(definition: Json, visit: Visit) -> Iterator[Program]:
    """Yield what only one kind of task has."""
    task, own = visit.task, visit.variables
    if isinstance(task, SwitchTask):
        for index, each in enumerate(task.switch):
            place = visit.place("switch", index, each.name, "when")
            yield from _whole(definition, place, OF_TASK | own)
    elif isinstance(task, ForTask):
        loop = OF_TASK | own | {task.for_.each, task.for_.at}
        yield from _whole(definition, visit.place("for", "in"), OF_TASK | own)
        yield from _whole(definition, visit.place("while"), loop)
    elif isinstance(task, TryTask):
        for name in ("when", "exceptWhen"):
            place = visit.place("catch", name)
            yield from _whole(definition, place, OF_TASK | own | {task.catch.as_})
        retry = visit.place("catch", "retry")
        yield from _retry(definition, retry, OF_TASK | own | {task.catch.as_})
    elif isinstance(task, ListenTask):
        for name in _OF_FORM if task.form else ():
            place = visit.place("metadata", "tendril", "form", name)
            yield from _template(definition, place, OF_TASK | own)
        yield from _whole(definition, visit.place("listen", "to", "until"), OF_TASK | own)
        for found, _ in heard(definition, visit):
            yield from _filter(definition, found, OF_TASK | own)


def _of_iteration(
    definition: Json, visit: Visit, at: tuple[str, ...], foreach: SubscriptionIterator
) -> Iterator[Program]:
    """Yield what is evaluated after each item that a subscription brings."""
    own = visit.variables.union(foreach.names)
    for name, stage in (("output", OF_TASK), ("export", OF_EXPORT)):
        yield from _transformation(definition, visit.place(*at, name, "as"), stage | own)


def _filter(definition: Json, place: Place, names: Names) -> Iterator[Program]:
    """Yield the expressions of an event filter; what is taken from the event takes nothing else."""
    yield from _template(definition, Place((*place.path, "with"), place.task), names)
    correlate = Place((*place.path, "correlate"), place.task)
    for key in value_at(definition, correlate.path) or ():
        yield from _whole(definition, Place((*correlate.path, key, "from"), place.task), OF_EVENT)
        yield from _template(definition, Place((*correlate.path, key, "expect"), place.task), names)


def _retry(definition: Json, place: Place, names: Names) -> Iterator[Program]:
    policy = value_at(definition, place.path)
    if isinstance(policy, dict):
        for name in ("when", "exceptWhen"):
            yield from _whole(definition, Place((*place.path, name), place.task), names)
        for name in ("delay", "jitter", "limit"):
            yield from _template(definition, Place((*place.path, name), place.task), names)


def _whole(definition: Json, place: Place, names: Names) -> Iterator[Program]:
    """Yield a property that is an expression by definition."""
    text = value_at(definition, place.path)
    if isinstance(text, str):
        yield Program(place, text, names)


def _transformation(definition: Json, place: Place, names: Names) -> Iterator[Program]:
    """Yield `from` or `as`: an expression, or an object of them."""
    yield from _whole(definition, place, names)
    if not isinstance(value_at(definition, place.path), str):
        yield from _template(definition, place, names)


def _template(definition: Json, place: Place, names: Names) -> Iterator[Program]:
    """Yield every `${ }` in a value, at any depth."""
    yield from _within(value_at(definition, place.path), place, names)


def _within(value: Json, place: Place, names: Names) -> Iterator[Program]:
    if isinstance(value, str) and (is_expression(value) or value.startswith("${")):
        yield Program(place, value, names)
    below: list[tuple[str | int, Json]] = []
    if isinstance(value, dict):
        below = list(value.items())
    elif isinstance(value, list):
        below = list(enumerate(value))
    for key, inner in below:
        yield from _within(inner, Place((*place.path, key), place.task), names)
