"""The lifecycle events, compared with the specification's text: dsl-reference.md, 1.0.3.

The expectations were written by hand from its tables of properties and its examples.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from events.envelope import parse, to_structured
from events.lifecycle import (
    PAYLOADS,
    Payload,
    TaskCompleted,
    Workflow,
    WorkflowFaulted,
    WorkflowStarted,
    lifecycle_event,
    type_of,
)

AT = "2024-07-26T16:59:57-05:00"
NAME = "orderPetWorkflow-ix7iryakiem8j.samples"
ERROR = {
    "type": "https://serverlessworkflow.io/spec/1.0.0/errors/communication",
    "title": "Service Not Available",
    "status": 503,
}
DEFINITION = {"name": "orderPetWorkflow", "namespace": "samples", "version": "1.0.0"}
KEYS = {"petId": "xt84hj202q14s", "orderId": "0a7f8581-acb9-4133-a378-0460c98ea60c"}
OUTPUT = {**KEYS, "status": "placed"}
TASK = {"workflow": NAME, "task": "/do/1/initialize"}

REQUIRED: dict[str, dict[str, Any]] = {
    "workflow.started": {"name": NAME, "definition": DEFINITION, "startedAt": AT},
    "workflow.suspended": {"name": NAME, "suspendedAt": AT},
    "workflow.resumed": {"name": NAME, "resumedAt": AT},
    "workflow.correlation-started": {"name": NAME, "startedAt": AT},
    "workflow.correlation-completed": {"name": NAME, "completedAt": AT},
    "workflow.cancelled": {"name": NAME, "cancelledAt": AT},
    "workflow.faulted": {"name": NAME, "faultedAt": AT, "error": ERROR},
    "workflow.completed": {"name": NAME, "completedAt": AT},
    "workflow.status-changed": {"name": NAME, "updatedAt": AT, "status": "completed"},
    "task.created": {**TASK, "createdAt": AT},
    "task.started": {**TASK, "startedAt": AT},
    "task.suspended": {**TASK, "suspendedAt": AT},
    "task.resumed": {**TASK, "resumedAt": AT},
    "task.retried": {**TASK, "retriedAt": AT},
    "task.cancelled": {**TASK, "cancelledAt": AT},
    "task.faulted": {**TASK, "faultedAt": AT, "error": ERROR},
    "task.completed": {**TASK, "completedAt": AT},
    "task.status-changed": {**TASK, "updatedAt": AT, "status": "completed"},
}
OPTIONAL: dict[str, dict[str, Any]] = {
    "workflow.correlation-completed": {"correlationKeys": KEYS},
    "workflow.completed": {"output": OUTPUT},
    "task.completed": {"output": OUTPUT},
}
BY_TYPE: dict[str, type[Payload]] = {type_of(payload): payload for payload in PAYLOADS}


def test_every_type_is_there() -> None:
    """The types are the specification's, no more and no less."""
    assert set(BY_TYPE) == {f"io.serverlessworkflow.{name}.v1" for name in REQUIRED}


@pytest.mark.parametrize("name", REQUIRED)
def test_data_is_as_specified(name: str) -> None:
    """The example's data is taken and given back; each required member is, and no other is one."""
    model = BY_TYPE[f"io.serverlessworkflow.{name}.v1"]
    optional = OPTIONAL.get(name, {})
    whole = REQUIRED[name] | optional
    written = model.model_validate(whole).model_dump(by_alias=True, exclude_none=True, mode="json")
    times = {member for member in whole if member.endswith("At")}
    assert {m: v for m, v in written.items() if m not in times} == {
        m: v for m, v in whole.items() if m not in times
    }
    assert all(datetime.fromisoformat(written[t]) == datetime.fromisoformat(AT) for t in times)
    schema = model.model_json_schema(by_alias=True)
    assert set(schema["required"]) == set(REQUIRED[name])
    assert set(schema["properties"]) == set(whole)
    with pytest.raises(ValidationError):
        model.model_validate(whole | {"extra": 1})


def test_a_status_is_a_phase_of_the_specification() -> None:
    """Each phase that an event brings is one of dsl.md; that of waiting is its own event's."""
    phases = {"pending", "running", "suspended", "cancelled", "faulted", "completed"}
    assert {payload.STATUS for payload in PAYLOADS} - {None} == phases


OF = Workflow("samples", "orderPetWorkflow", "1.0.0", "ix7iryakiem8j", "ab" * 16)
MOMENT = datetime(2024, 7, 26, 21, 59, 57, 1000, tzinfo=UTC)


def test_an_event_says_of_whom_it_speaks() -> None:
    """The envelope leads to the run, its trace and its partition; the data is the payload."""
    payload = WorkflowStarted(name=OF.qualified, definition=OF.definition, started_at=MOMENT)
    event = lifecycle_event(payload, OF, at=MOMENT, subject=OF.run, sequence="00000001-0000")
    assert event.json() == {
        "name": NAME,
        "definition": DEFINITION,
        "startedAt": "2024-07-26T21:59:57.001000Z",
    }
    assert event.source == "/flows/samples/orderPetWorkflow"
    assert event.type == "io.serverlessworkflow.workflow.started.v1"
    expected = {
        "subject": "ix7iryakiem8j",
        "correlationid": "ix7iryakiem8j",
        "partitionkey": "ix7iryakiem8j",
        "sequence": "00000001-0000",
        "time": "2024-07-26T21:59:57.001Z",
        "datacontenttype": "application/json",
    }
    assert {name: event.get(name) for name in expected} == expected
    assert str(event.get("traceparent")).startswith(f"00-{'ab' * 16}-")
    headers, body = to_structured(event)
    assert parse(headers.items(), body) == event


def test_the_same_moment_of_a_run_is_the_same_event() -> None:
    """Ids follow from run and sequence alone, and differ where either does."""
    payload = TaskCompleted(workflow=NAME, task="/do/0/a", completed_at=MOMENT)

    def made(of: Workflow, sequence: str) -> str:
        return lifecycle_event(payload, of, at=MOMENT, subject="a", sequence=sequence).id

    other = Workflow(OF.namespace, OF.name, OF.version, "another", OF.trace)
    assert made(OF, "1") == made(OF, "1")
    assert len({made(OF, "1"), made(OF, "2"), made(other, "1")}) == 3


def test_an_error_keeps_its_members() -> None:
    """A problem's detail and instance travel too."""
    error = {**ERROR, "detail": "no", "instance": "/do/0/a"}
    payload = WorkflowFaulted.model_validate({"name": NAME, "faultedAt": AT, "error": error})
    assert payload.model_dump(by_alias=True, exclude_none=True)["error"] == error
