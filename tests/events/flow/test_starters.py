"""Which events start a run, alone or together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from events.flow import starters

if TYPE_CHECKING:
    from collections.abc import Callable

    from events.flow.syntax import Flow
    from functions.host.jq import JqPool

ABC: Any = [{"with": {"type": kind}} for kind in "abc"]
A, B, C = ABC


def found(jq: JqPool, flow: Flow, kinds: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return which events of these types start a run, and which are spent on it."""
    events = [{"id": str(n), "source": "s", "type": kind} for n, kind in enumerate(kinds)]
    whole = starters.starters(flow, events, jq)
    return (whole.starting, whole.spent) if whole else ((), ())


@pytest.mark.parametrize(
    ("schedule", "types"),
    [
        (None, []),
        ({"cron": "* * * * *"}, []),
        ({"on": {"one": {"with": {"type": "a"}}}}, ["a"]),
        ({"on": {"any": [{"with": {"type": "a"}}, {"with": {"type": "b"}}]}}, ["a", "b"]),
        ({"on": {"all": [{"with": {"type": "a"}}]}}, ["a"]),
        ({"on": {"any": []}}, [None]),
    ],
)
def test_the_filters_of_a_flow(
    flow_of: Callable[..., Flow], schedule: Any, types: list[str]
) -> None:
    """One event, any one of several, all of several, or every event starts a run."""
    flow = flow_of(schedule=schedule) if schedule else flow_of()
    assert [each.with_.type for each in starters.filters_of(flow)] == types


def test_the_input_of_a_started_run(interpreter: Any, flow_of: Callable[..., Flow]) -> None:
    """The run's input is the list of its events, reachable as `$workflow.input[0]` too."""
    event = {"type": "born", "data": {"patient": {"id": 7}}}
    flow = flow_of({"a": {"set": "${ [.[0].data.patient.id, $workflow.input[0].type] }"}})
    assert interpreter.run(flow, starters.input_of(event)) == [7, "born"]


@pytest.mark.parametrize(
    ("on", "kinds", "expected"),
    [
        ({"one": {"with": {"type": "a"}}}, "ab", (0,)),
        ({"one": {"with": {"type": "b"}}}, "ab", ()),
        ({"any": []}, "x", (0,)),
        ({"all": [{"with": {"type": "b"}}, {"with": {"type": "a"}}]}, "aacb", (3, 0)),
        ({"all": [{"with": {"type": "a"}}, {"with": {"type": "[ab]"}}]}, "xaa", (1, 2)),
        ({"all": [{"with": {"type": "a"}}, {"with": {"type": "b"}}]}, "aa", ()),
    ],
)
def test_the_events_that_start_a_run(
    jq: JqPool, flow_of: Callable[..., Flow], on: Any, kinds: str, expected: tuple[int, ...]
) -> None:
    """The first event does, or the first set with one for each filter, in the filters' order."""
    assert found(jq, flow_of(schedule={"on": on}), kinds) == (expected, expected)


@pytest.mark.parametrize(
    ("until", "kinds", "starting", "ending"),
    [
        ("length == 2", "aba", (0, 1), ()),
        ('${ .[-1].type == "b" }', "caab", (1, 2, 3), ()),
        ("length == 3", "aacb", (0, 1, 3), ()),
        ("error", "aaaa", (), ()),
        ("empty", "aaaa", (), ()),
        ({"one": C}, "abca", (0, 1), (2,)),
        ({"one": C}, "ccab", (), ()),
        ({"one": C}, "cacb", (1,), (2,)),
        ({"any": [B, C]}, "aab", (0, 1), (2,)),
        ({"all": [B, C]}, "abacb", (0, 2), (1, 3)),
        ({"all": [C, C]}, "accb", (0,), (1, 2)),
        ({"all": [B, C]}, "bbc", (1,), (0, 2)),
    ],
)
def test_events_are_gathered_until(
    jq: JqPool,
    flow_of: Callable[..., Flow],
    until: Any,
    kinds: str,
    starting: tuple[int, ...],
    ending: tuple[int, ...],
) -> None:
    """They begin a run in their order; those that end it are spent and no part of the input."""
    flow = flow_of(schedule={"on": {"any": [A, B], "until": until}})
    expected = starting, tuple(sorted((*starting, *ending)))
    assert found(jq, flow, kinds) == expected


def test_what_is_gathered_is_of_one_correlation(jq: JqPool, flow_of: Callable[..., Flow]) -> None:
    """Events of another room are another gathering, and end their own."""
    key = {"correlate": {"room": {"from": ".data.room"}}}
    flow = flow_of(schedule={"on": {"any": [A | key], "until": {"one": B | key}}})
    rooms = [("a", 1), ("a", 2), ("b", 3), ("a", 1), ("b", 2)]
    events = [
        {"id": str(n), "source": "s", "type": kind, "data": {"room": room}}
        for n, (kind, room) in enumerate(rooms)
    ]
    assert starters.starters(flow, events, jq) == starters.Whole((1,), (1, 4))


def test_what_was_looked_at_is_not_looked_at_again(
    jq: JqPool, flow_of: Callable[..., Flow]
) -> None:
    """The condition is evaluated for what came since: after each event once."""
    flow = flow_of(schedule={"on": {"any": [], "until": "length > 0"}})
    waiting = [starters.Passing({"type": kind}, (0,)) for kind in "abc"]
    assert starters.whole(flow, waiting, jq) == starters.Whole((0,), (0,))
    assert starters.whole(flow, waiting, jq, looked=2) == starters.Whole((0, 1, 2), (0, 1, 2))
    assert starters.whole(flow, waiting, jq, looked=3) is None
