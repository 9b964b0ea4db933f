"""A run's rows and history as its causal tree: pure, so every shape is tried directly."""

from __future__ import annotations

from typing import Any

from events.vocabulary import event_key, hop_id
from functions.flow.tracing import hops, overdue, totals
from functions.host.ledger.rows.history import Entry
from functions.host.ledger.rows.task import WORKFLOW, TaskRow, TaskState

NOW = 1_000.0


def row(name: str, cause: str = "", at: float = NOW, **more: Any) -> TaskRow:
    """Return a closed task of `ping`; `cause` is the name of the one it follows."""
    instance = f"/do/{name}#1" if "#" not in name else name
    given = {
        "run": "r1", "instance": instance, "scope": "", "reference": instance.partition("#")[0],
        "tool": "ping", "major": 1, "version": "1.0.0", "attempt": 1, "edition": 0,
        "event_id": hop_id("r1", instance, 1), "cause": _event(cause), "input": "{}",
        "input_digest": "", "state": TaskState.CLOSED, "due_at": at, "requested_at": at,
    }  # fmt: skip
    return TaskRow(**{**given, **more})


def _event(cause: str) -> str:
    instance = cause if "#" in cause else f"/do/{cause}#1"
    return hop_id("r1", instance, 1) if cause else ""


def entry(kind: str, name: str, when: float = NOW, **detail: Any) -> Entry:
    instance = f"/do/{name}#1" if "#" not in name else name
    return Entry(kind, when, instance.partition("#")[0], instance, detail)


def drawn(rows: list[TaskRow], history: list[Entry] | None = None) -> list[tuple[int, str, str]]:
    """Return level, kind and name of each hop, in their order."""
    found = hops(rows, history or [], {}, NOW, 5.0)
    return [(hop.level, hop.kind, hop.task.rpartition("/")[2]) for hop in found]


def test_effects_follow_their_causes() -> None:
    """The order is that of causes, whatever the order of the rows."""
    rows = [row("c", "b", NOW + 2), row("a"), row("b", "a", NOW + 1)]
    assert drawn(rows) == [(0, "task", "a"), (0, "task", "b"), (0, "task", "c")]
    found = hops(rows, [], {}, NOW, 5.0)
    assert [hop.cause for hop in found] == [None, "/do/a#1", "/do/b#1"]


def test_a_long_chain_is_no_deep_recursion() -> None:
    """Ten thousand hops, each caused by the one before, are listed."""
    rows = [row(f"t{n}", f"t{n - 1}" if n else "", NOW + n) for n in range(10_000)]
    assert len(drawn(rows)) == 10_000


def test_branches_lie_a_level_deeper_and_the_join_beside_them() -> None:
    """What follows a fork is an effect of what began it, after its branches."""
    fork = "/do/f#1"
    first = row(f"/do/f/x#1@{fork}/0", "a", NOW + 1, scope=f"{fork}/0")
    second = row(f"/do/f/y#1@{fork}/1", "a", NOW + 1, scope=f"{fork}/1")
    join = row(fork, first.instance, NOW + 3, tool="", reference="")
    rows = [row("a"), first, second, join, row("z", fork, NOW + 4)]
    assert drawn(rows) == [
        (0, "task", "a"),
        (1, "task", "x"),
        (1, "task", "y"),
        (0, "join", "f"),
        (0, "task", "z"),
    ]


def test_a_redriven_task_causes_what_its_last_attempt_opened() -> None:
    """The events of all attempts lead to the one task."""
    rows = [row("a", attempt=3), row("b", at=NOW + 1, cause="")]
    rows[1] = row("b", at=NOW + 1)
    later = TaskRow(**{**_fields(rows[1]), "cause": hop_id("r1", "/do/a#1", 2)})
    found = hops([rows[0], later], [], {}, NOW, 5.0)
    assert found[1].cause == "/do/a#1"


def _fields(task: TaskRow) -> dict[str, Any]:
    return {name: getattr(task, name) for name in TaskRow.__dataclass_fields__}


def test_limits_are_shown_only_where_they_matter() -> None:
    """A timeout that nothing ran into is left out; one that is set, or that led on, is shown."""
    timer: dict[str, Any] = {"tool": "", "reference": "/do/a"}
    spent = row("/do/a#1~timeout", **timer)
    assert drawn([row("a"), spent]) == [(0, "task", "a")]
    assert len(drawn([row("a"), row("/do/a#1~timeout", state=TaskState.WAITING, **timer)])) == 2
    assert len(drawn([row("a"), spent, row("b", spent.instance, NOW + 1)])) == 3


def test_an_attempt_tells_its_times_apart() -> None:
    """Queue, cold start and work; what the tool used; the retry is an attempt of its own."""
    history = [
        entry("task.requested", "a", NOW),
        entry("task.claimed", "a", NOW + 0.5, cold=True, attempt=1, queuedMs=500.0),
        entry(
            "task.retrying", "a", NOW + 0.6, at=NOW + 2, problem={"title": "No"}, workMs=100.0,
            coldMs=300.0,
        ),
        entry("task.claimed", "a", NOW + 2.1, cold=False, attempt=2, queuedMs=10.0, claims=2),
        entry(
            "task.completed", "a", NOW + 2.2, tool="ping", workMs=90.0, usage={"total_tokens": 35},
        ),
    ]  # fmt: skip
    [hop] = hops([row("a", attempt=2)], history, {}, NOW, 5.0)
    first, second = hop.attempts
    assert (first.queuedMs, first.coldMs, first.workMs) == (200.0, 300.0, 100.0)
    assert (first.outcome, first.problem) == ("retrying", {"title": "No"})
    assert (second.attempt, second.lost, second.outcome) == (2, 1, "completed")
    assert hop.state == "completed"
    summed = totals([hop])
    assert (summed.attempts, summed.queuedMs, summed.coldMs) == (2, 210.0, 300.0)
    assert (summed.workMs, summed.usage) == (190.0, {"total_tokens": 35})


def test_a_task_cut_off_is_cancelled() -> None:
    """A row that was closed while its request was out has no other end."""
    [hop] = hops([row("a")], [entry("task.requested", "a")], {}, NOW, 5.0)
    assert hop.attempts[0].outcome == "cancelled"
    assert hop.state == "cancelled"


def test_what_is_emitted_follows_the_task_that_led_to_it() -> None:
    """An emitted event, and a try's decision, come before what goes on at the same moment."""
    history = [
        entry("task.requested", "a", NOW),
        entry("task.completed", "a", NOW + 1),
        entry("event.emitted", "e", NOW + 1, type="com.example.told"),
        entry("task.requested", "b", NOW + 1),
    ]
    rows = [row("a"), row("b", "a", NOW + 1)]
    assert drawn(rows, history) == [(0, "task", "a"), (0, "emitted", "e"), (0, "task", "b")]


def test_a_listen_and_what_it_heard_are_hops() -> None:
    """An event that was consumed is an effect of the listen, and the cause of what follows."""
    listen = row("l", tool="", state=TaskState.CLOSED)
    heard = row(f"/do/l#1~{event_key('/shop', '7')}", tool="", reference="/do/l", at=NOW + 1)
    ignored = row(f"/do/l#1~{event_key('/shop', '8')}", tool="", reference="/do/l", at=NOW + 1)
    history = [
        entry("task.listening", "l", to=[{"with": {"type": "paid"}}]),
        entry("event.heard", "l", NOW + 1, source="/shop", id="7", type="paid"),
    ]
    rows = [listen, heard, ignored, row("b", heard.instance, NOW + 2)]
    assert drawn(rows, history) == [(0, "listening", "l"), (0, "heard", "l"), (0, "task", "b")]
    found = hops(rows, history, {}, NOW, 5.0)
    assert [hop.cause for hop in found] == [None, "/do/l#1", heard.instance]
    assert found[0].detail["to"] == [{"with": {"type": "paid"}}]


def test_a_run_of_another_flow_names_it() -> None:
    """The child's id and flow are in the detail."""
    history = [
        entry("task.requested", "w"),
        entry("child.started", "w", run="c1", flow="shop/pay:1.0.0", awaited=True),
        entry("task.completed", "w", tool=WORKFLOW),
    ]
    [hop] = hops([row("w", tool=WORKFLOW)], history, {}, NOW, 5.0)
    assert (hop.kind, hop.state, hop.detail["run"]) == ("run", "completed", "c1")


def test_a_request_is_missing_once_it_should_have_been_taken_up() -> None:
    """Within the grace nothing is said; after it, whether the tool was ever heard of."""
    asked = row("a", state=TaskState.REQUESTED, emissions=2)
    assert not overdue(asked, NOW + 4, 5.0)
    assert overdue(asked, NOW + 6, 5.0)

    def reason(last: float) -> str:
        [hop] = hops([asked], [], {("ping", 1): last}, NOW + 6, 5.0)
        assert hop.missing
        assert hop.missing.asked == 3
        return hop.missing.reason

    assert "has ever taken up" in reason(0.0)
    assert "has taken up a task since" in reason(NOW - 10)
    assert "taking up other tasks" in reason(NOW + 5)


def test_a_claim_that_ran_out_is_missing() -> None:
    """A host that went silent is told apart from one that never came."""
    silent = row("a", state=TaskState.CLAIMED, at=NOW - 1)
    [hop] = hops([silent], [], {}, NOW, 5.0)
    assert hop.missing
    assert "went silent" in hop.missing.reason
    assert (
        hops([row("a", state=TaskState.CLAIMED, at=NOW + 9)], [], {}, NOW, 5.0)[0].missing is None
    )
