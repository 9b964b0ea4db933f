"""A run's history as hops: pure, so every shape of history is tried directly."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from knative.cli.trail import REQUESTED, Hop, Trail

AT = "2026-01-01T00:00:00Z"


def _entry(kind: str, instance: str = "/do/0/ask#1", **detail: Any) -> dict[str, Any]:
    return {
        "seq": 1,
        "at": AT,
        "kind": kind,
        "task": instance.partition("#")[0],
        "instance": instance,
        "detail": detail,
    }


def hops(history: list[dict[str, Any]]) -> list[Hop]:
    """Return the hops of a whole history."""
    trail = Trail()
    for entry in history:
        trail.see(entry)
    return trail.hops


def test_a_task_that_is_done_is_one_hop() -> None:
    """Requested, claimed and completed make one hop with its times."""
    (hop,) = hops(
        [
            _entry("run.started", ""),
            _entry("task.started"),
            _entry("task.requested", tool="llm"),
            _entry("task.claimed", cold=True, attempt=1, queuedMs=3.0),
            _entry("task.completed", workMs=40.5, tool="llm"),
            _entry("run.completed", ""),
        ]
    )
    assert (hop.tool, hop.temperature, hop.queued_ms, hop.work_ms) == ("llm", "cold", 3.0, 40.5)
    assert (hop.event, hop.outcome, hop.attempt) == (REQUESTED, "completed", 1)


def test_a_listen_and_what_it_hears_have_their_lines() -> None:
    """A listen is told once, from its beginning to its end; each event it consumes has a line."""
    listening, heard = hops(
        [
            _entry("task.listening", to=[{"with": {"type": "paid"}}]),
            _entry("event.heard", type="paid", id="1", source="/shop"),
            _entry("task.completed"),
        ]
    )
    assert (listening.event, listening.outcome) == ("listening", "completed")
    assert (heard.event, heard.outcome) == ("paid", "heard")


def test_each_attempt_is_a_hop_of_its_own() -> None:
    """A retried task has one hop for each attempt, the first with its problem."""
    problem = {"title": "Communication", "detail": "429"}
    first, second = hops(
        [
            _entry("task.requested", tool="llm"),
            _entry("task.claimed", cold=True, attempt=1),
            _entry("task.retrying", problem=problem),
            _entry("task.claimed", cold=False, attempt=2),
            _entry("task.completed", workMs=1, tool="llm"),
        ]
    )
    assert (first.outcome, first.error, first.attempt) == ("retrying", "429", 1)
    assert (second.outcome, second.error, second.attempt) == ("completed", "", 2)
    assert (first.tool, second.tool) == ("llm", "llm")


def test_a_redriven_task_goes_on_as_a_new_hop() -> None:
    """After the fault of a run, its redriven task's hop is told on its own."""
    trail = Trail()
    for entry in (_entry("task.requested", tool="t"), _entry("task.claimed", attempt=1)):
        trail.see(entry)
    faulted = trail.see(_entry("task.faulted", problem={"title": "Validation"}))
    assert faulted is not None
    assert faulted.error == "Validation"
    assert trail.see(_entry("run.faulted", "")) is None
    trail.see(_entry("redriven"))
    trail.see(_entry("task.claimed", attempt=2, cold=False))
    completed = trail.see(_entry("task.completed", workMs=7, tool="t"))
    assert completed is not None
    assert [hop.outcome for hop in trail.hops] == ["faulted", "completed"]


def test_an_event_sent_out_is_a_hop_without_a_tool() -> None:
    """What a flow emits is shown by its type."""
    (hop,) = hops([_entry("event.emitted", type="com.example.answer.v1")])
    assert (hop.event, hop.tool, hop.outcome) == ("com.example.answer.v1", None, "emitted")


def test_what_a_run_waits_for_is_told() -> None:
    """A wait says until when and then that it is done; a retry says when and after what."""
    problem = {"title": "Busy", "status": 503}
    history: list[dict[str, Any]] = [
        {"kind": "task.waiting", "task": "/do/0/w", "instance": "/do/0/w#1",
         "detail": {"until": "2026-03-01T12:00:00Z"}},
        {"kind": "task.retried", "task": "/do/1/t", "instance": "/do/1/t#1",
         "detail": {"retry": 1, "delay": 2.5, "problem": problem}},
        {"kind": "run.suspended"},
    ]  # fmt: skip
    waiting, retried, suspended = hops(history)
    assert (waiting.event, waiting.outcome) == ("waiting", "waiting until 2026-03-01T12:00:00Z")
    assert (retried.event, retried.outcome) == ("retried", "another attempt in 2.5 s")
    assert retried.error == "Busy"
    assert suspended.outcome == "suspended"
    done = {"kind": "task.completed", "task": "/do/0/w", "instance": "/do/0/w#1"}
    assert hops([*history, done])[0].outcome == "completed"


def test_a_run_of_another_flow_names_it() -> None:
    """The hop has the flow and the run's id; one that is started once more is a hop of its own."""
    first, second = hops(
        [
            _entry("task.requested", flow="shop/pay:latest", awaited=True),
            _entry("child.started", run="c1", flow="shop/pay:1.2.0"),
            _entry("task.faulted", tool="workflow", problem={"title": "Run cancelled"}),
            _entry("redriven"),
            _entry("child.started", run="c2", flow="shop/pay:1.3.0"),
            _entry("task.completed", tool="workflow"),
        ]
    )
    assert (first.tool, first.child, first.outcome) == ("shop/pay:1.2.0", "c1", "faulted")
    assert (second.tool, second.child, second.outcome) == ("shop/pay:1.3.0", "c2", "completed")


def test_pure_tasks_are_no_hops() -> None:
    """`set` and its like cost no event, so they are not shown as hops."""
    assert hops([_entry("task.started"), _entry("task.completed")]) == []


def test_what_is_taken_over_is_told_so() -> None:
    """A result of the run that is redriven is no work of this one."""
    history = [_entry("task.requested"), _entry("task.taken"), _entry("task.completed")]
    assert [hop.outcome for hop in hops(history)] == ["taken over"]


KINDS = (
    "task.requested",
    "task.claimed",
    "task.completed",
    "task.faulted",
    "task.retrying",
    "event.emitted",
    "redriven",
    "task.taken",
    "run.redriven",
    "dead-lettered",
    "child.started",
    "of the future",
)


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 2))))
def test_any_history_is_read(history: list[tuple[str, int]]) -> None:
    """No order of entries breaks the reading, and every request shows up as a hop."""
    entries = [_entry(kind, f"/do/{n}/t#1") for kind, n in history]
    requested = sum(kind == "task.requested" for kind, _ in history)
    assert len(hops(entries)) >= requested
