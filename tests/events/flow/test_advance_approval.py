"""What a `listen` with a form asks, whom, and what ends it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from events.errors import ErrorType
from events.flow.advance import StaleSignal, advance
from events.flow.listening import shapes_of
from events.flow.rehearsal.stage import Answer
from events.flow.signals import Start, TimerFired
from events.flow.steps import Facts
from events.vocabulary import approval_id, read_approval
from tests.events.flow.conftest import BEGAN

if TYPE_CHECKING:
    from collections.abc import Callable

    from events.flow.effects import ApprovalRequest
    from events.flow.syntax import Flow

Json = Any
STEPS = [
    {"after": {"minutes": 5}, "assignees": ["tom"]},
    {"after": "${ .late }", "assignees": "${ .last }"},
]


def ask(form: Json, **more: Json) -> Json:
    """Return a task that asks people."""
    to = {"one": {"with": {"type": "decided"}}}
    return {"a": {"listen": {"to": to}, "metadata": {"tendril": {"form": form}}, **more}}


def saying(output: Json, *, after: int = 0, by: str | None = None) -> Any:
    """Return people who answer all alike, after so many minutes, and note what they are asked."""
    seen: list[ApprovalRequest] = []

    def person(asked: ApprovalRequest) -> Answer:
        seen.append(asked)
        return Answer(output, takes=timedelta(minutes=after), by=by)

    person.seen = seen  # type: ignore[attr-defined]
    return person


def test_people_see_what_is_resolved(interpreter: Any, flow_of: Callable[..., Flow]) -> None:
    """Expressions are resolved for them; the answer comes out as an event's data does."""
    form = {
        "title": "${ .what }",
        "description": "Look: ${ no expression",
        "data": {"n": "${ .n }"},
        "assignees": ["${ .boss }", "board"],
        "schema": {"type": "boolean"},
    }
    interpreter.person = saying(output=True, by="ann", after=1)
    flow = flow_of(ask(form))
    [answer] = interpreter.run(flow, {"what": 7, "n": 1, "boss": "ann"})
    assert answer == {"answer": True, "by": "ann", "at": "2026-03-01T12:01:00.250Z"}
    [asked] = interpreter.person.seen
    assert asked.form == form | {
        "title": "7", "data": {"n": 1}, "assignees": ["ann", "board"], "escalation": [],
        "type": "decided",
    }  # fmt: skip
    assert shapes_of(flow) == (), "no event could find it"


def test_what_is_read(interpreter: Any, flow_of: Callable[..., Flow]) -> None:
    """The answer is an event like any other: `envelope` gives it whole."""
    interpreter.person = saying("yes")
    task = ask({})
    task["a"]["listen"]["read"] = "envelope"
    [event] = interpreter.run(flow_of(task))
    assert (event["type"], event["source"], event["data"]["answer"]) == (
        "decided", "/approvals", "yes",
    )  # fmt: skip
    assert read_approval(event["id"]) == ("run-1", "/do/0/a#1")


def test_an_event_is_no_answer(interpreter: Any, flow_of: Callable[..., Flow]) -> None:
    """Of the step that asks nothing comes that an event is told by."""
    step = advance(
        flow_of(ask({})), None, Start(), Facts("r", {}, BEGAN, BEGAN), interpreter.evaluate
    )
    assert (step.subscriptions, len(step.approvals)) == ((), 1)


def test_others_are_asked(interpreter: Any, flow_of: Callable[..., Flow]) -> None:
    """Each step replaces who was asked, counted from when the task asked; people are told."""
    interpreter.person = saying("ok", after=9)
    flow = flow_of(ask({"assignees": ["ann"], "escalation": STEPS}))
    interpreter.run(flow, {"late": "PT7M", "last": ["eve"]})
    lines = [each for each in interpreter.records if each.kind == "task.escalated"]
    assert [each.detail for each in lines] == [
        {"step": 1, "assignees": ["tom"]},
        {"step": 2, "assignees": ["eve"]},
    ]
    told = [(each.attributes["type"], each.data["assignees"]) for each in interpreter.emissions]
    assert told == [
        ("dev.tendril.approval.requested.v1", ["ann"]),
        ("dev.tendril.approval.escalated.v1", ["tom"]),
        ("dev.tendril.approval.escalated.v1", ["eve"]),
    ]
    assert len({each.attributes["id"] for each in interpreter.emissions}) == 3


def test_an_answer_ends_the_escalation(interpreter: Any, flow_of: Callable[..., Flow]) -> None:
    """What is not due yet never is."""
    interpreter.person = saying("ok", after=6)
    flow = flow_of(ask({"escalation": STEPS}, timeout={"after": {"hours": 1}}))
    interpreter.run(flow, {"late": "PT7M", "last": ["eve"]})
    assert interpreter.steps[-1].closes == ("/do/0/a#1~timeout", "/do/0/a#1~escalation#2")


def test_steps_that_are_due_in_any_order(interpreter: Any, flow_of: Callable[..., Flow]) -> None:
    """A step that is told late does not take back a later one."""
    flow = flow_of(ask({"escalation": STEPS}))
    facts = Facts("r", {"late": "PT7M", "last": ["eve"]}, BEGAN, BEGAN)
    step = advance(flow, None, Start(), facts, interpreter.evaluate)
    found = []
    for number in (2, 1):
        fired = TimerFired(f"/do/0/a#1~escalation#{number}")
        step = advance(flow, step.state, fired, facts, interpreter.evaluate)
        found += [each.detail["assignees"] for each in step.records]
    assert found == [["eve"]]
    with pytest.raises(StaleSignal):
        advance(flow, step.state, fired, facts, interpreter.evaluate)


def test_its_timeout(interpreter: Any, flow_of: Callable[..., Flow]) -> None:
    """The task's own limit of time is the approval's; the error can be caught."""
    task = ask({"escalation": STEPS}, timeout={"after": {"minutes": 6}})
    given = {"late": "PT7M", "last": ["eve"]}
    problem = interpreter.problem(flow_of(task), given)
    assert (problem.type, problem.instance) == (ErrorType.TIMEOUT, "/do/0/a")
    assert interpreter.steps[-1].deaf == ("/do/0/a#1",)
    caught = {"t": {"try": [task], "catch": {"do": [{"s": {"set": {"late": True}}}]}}}
    assert interpreter.run(flow_of(caught), given) == {"late": True}


@pytest.mark.parametrize("assignees", [["${ .x }"], "${ .x }", ["${ 1 }"], "${ [] }"])
def test_who_is_nobody(interpreter: Any, flow_of: Callable[..., Flow], assignees: Json) -> None:
    """An expression that gives no names is an error of the task: nobody could answer."""
    problem = interpreter.problem(flow_of(ask({"assignees": assignees})), {})
    assert (problem.type, problem.instance) == (ErrorType.VALIDATION, "/do/0/a")
    assert "assignees of the form must give names" in problem.detail


@pytest.mark.parametrize("instance", ["/do/0/a#1", "/do/0/ü~1x#12@/do/0/f#1/0", ""])
def test_ids_lead_back(instance: str) -> None:
    """An approval's id names its run and its task, and no other text is one."""
    name = approval_id("0f", instance)
    assert read_approval(name) == ("0f", instance)
    assert read_approval(f"{name}!") is read_approval("0f") is read_approval("0f.€") is None
