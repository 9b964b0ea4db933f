"""Emit: one CloudEvent, whose id is the same however often the step is computed."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, cast

from events.envelope import EnvelopeError, create
from events.errors import ErrorType, ToolError
from events.flow.advance import template, uris
from events.flow.advance.happenings import Entered, Produced
from events.flow.advance.pointers import task_at
from events.flow.effects import EventEmission
from events.times import rfc3339

if TYPE_CHECKING:
    from events.flow.advance.frames import Frame
    from events.flow.advance.work import Work
    from events.flow.syntax.simple import EmitTask

Json = Any


def event_id(run_id: str, instance: str) -> str:
    """Return the id of the event that a task instance emits, unless the flow gives one."""
    return hashlib.sha256(f"{run_id}\n{instance}".encode()).hexdigest()[:32]


def emit(work: Work, frame: Frame, _: Entered) -> Produced:
    """Publish the event; its attributes and data are the task's output."""
    properties = _properties(work, frame)
    has_data = "data" in properties
    data = properties.pop("data", None)
    attributes = _checked(properties, data)
    work.emissions.append(EventEmission(frame.instance, attributes, data, has_data))
    work.record("event.emitted", frame, id=attributes["id"], type=attributes["type"])
    return Produced({**attributes, "data": data} if has_data else attributes)


def _properties(work: Work, frame: Frame) -> dict[str, Json]:
    task = cast("EmitTask", task_at(work.flow, frame.reference))
    given = task.emit.event.with_.definition()
    for name in ("source", "dataschema"):
        if isinstance(given.get(name), str):
            given[name] = uris.expanded(work, frame, given[name])
    named = {
        "specversion": "1.0",
        "id": event_id(work.facts.run_id, frame.instance),
        "time": rfc3339(work.facts.now, "auto"),
    }
    resolved = template.resolved(work, frame, given)
    return {
        **named,
        **{name: value for name, value in resolved.items() if value is not None or name == "data"},
    }


def _checked(properties: dict[str, Json], data: Json) -> dict[str, str | int | bool]:
    attributes = {name: value for name, value in properties.items() if name != "specversion"}
    try:
        create(data=data, **attributes)
    except (EnvelopeError, TypeError) as error:
        reason = f"the event to emit is no CloudEvent: {error}"
        raise ToolError(reason, type=ErrorType.VALIDATION) from error
    return properties
