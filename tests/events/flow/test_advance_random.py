"""`advance` against a plain recursive interpreter, on flows made up at random."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import assume, given, note, settings
from hypothesis import strategies as st

from events.errors import Problem
from events.flow.rehearsal.stage import Answer, Stage
from events.flow.steps import ScopeCompleted, ScopeFaulted
from events.flow.syntax import Flow
from tests.events.flow.conftest import BEGAN, Distrustful
from tests.support.random_flows import CHILDREN, EVENTS, answer, evaluate, flow
from tests.support.sequential import Oracle, RaisedError, Reference, SilenceError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    from events.flow.effects import ChildRequest, TaskRequest
    from events.flow.steps import Step

Json = Any


def of_tool(request: TaskRequest) -> Answer:
    """Answer a call a second later."""
    given_ = answer(request.instance, request.input)
    later = timedelta(seconds=1)
    if isinstance(given_, Problem):
        return Answer(problem=given_, takes=later)
    return Answer(given_, takes=later)


def of_child(request: ChildRequest) -> Answer:
    """Play the flow that is asked for."""
    if not request.awaited:
        return Answer()
    document = {"dsl": "1.0.3", "namespace": "test", "name": request.name, "version": "1.0.0"}
    child = Flow.model_validate({"document": document, "do": CHILDREN[request.name]})
    status = Stage(child, evaluate, of_tool, request.input, request.instance, BEGAN).play()
    if isinstance(status, ScopeFaulted):
        return Answer(problem=status.problem)
    assert isinstance(status, ScopeCompleted)
    return Answer(status.output)


def firsts(steps: Sequence[Step]) -> dict[str, int]:
    """Return by fork which of its branches ended it alone."""
    first: dict[str, int] = {}
    for step in steps:
        branch, status = step.branch, step.status
        competed = isinstance(status, ScopeCompleted) and branch is not None and branch.compete
        if branch is not None and (competed or isinstance(status, ScopeFaulted)):
            first.setdefault(branch.fork, branch.index)
    return first


@settings(max_examples=250, deadline=None)
@given(
    size=st.integers(0, 8),
    random=st.randoms(use_true_random=True),
    number=st.integers(0, 9),
)
def test_the_machine_means_what_the_reference_says(
    size: int, random: Random, number: int, flow_of: Callable[..., Flow]
) -> None:
    """Output, context and every visit agree, and an error is the same at the same place.

    Chance decides which of the branches' answers that are ready is taken first.
    """
    tasks, data = flow(random, size), {"n": number}
    note(str(tasks))
    stage = Distrustful(flow_of(*tasks), evaluate, of_tool, data, "run-1", BEGAN)
    stage.child, stage.order = of_child, defaultdict[str, float](random.random).__getitem__
    stage.events = [(BEGAN, event) for event in EVENTS]
    status = stage.play()
    heard = {each.instance: list[str]() for each in stage.records if each.kind == "event.heard"}
    for each in stage.records:
        if each.kind == "event.heard":
            heard[each.instance].append(each.detail["id"])
    reference = Reference(data, Oracle(EVENTS, firsts(stage.steps), heard))
    expected = reference.outcome(tasks, data)
    assume(not isinstance(expected, SilenceError))
    if isinstance(expected, RaisedError):
        assert isinstance(status, ScopeFaulted)
        problem = status.problem
        assert (problem.status, problem.instance) == (expected.status, expected.instance)
    else:
        assert status == ScopeCompleted(expected)
        state = stage.steps[-1].state
        assert state["context"] == reference.context
        assert state["visits"] == reference.visits
