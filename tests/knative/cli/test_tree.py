"""A trace's hops as lines for people: pure, so every shape is tried directly."""

from __future__ import annotations

from typing import Any

import pytest

from knative.cli.console import Styled
from knative.cli.measures import amount
from knative.cli.tree import lines

BEGAN = "2026-01-01T00:00:00.000Z"


def hop(kind: str, instance: str, **more: Any) -> dict[str, Any]:
    return {
        "kind": kind, "instance": instance, "task": instance.partition("#")[0], "cause": None,
        "level": 0, "at": BEGAN, "state": "closed", "tool": None, "version": None, "attempts": [],
        "detail": {}, "missing": None, **more,
    }  # fmt: skip


def told(given: dict[str, Any]) -> tuple[str, str]:
    """Return a hop's name and outcome, as its first line has them."""
    cells = lines([given], BEGAN)[0]
    outcome = cells[-1]
    return str(cells[1]), outcome.text if isinstance(outcome, Styled) else outcome


BRANCH = "/do/1/f/fork/branches/1/x#1@/do/1/f#1/1"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (hop("timer", "/do/0/nap#1"), ("nap", "over")),
        (
            hop("timer", "/do/0/nap#2", state="waiting", detail={"due": "noon"}),
            ("nap (2)", "waits until noon"),
        ),
        (hop("timer", "/do/0/a#1~timeout", task="/do/0/a"), ("a's timeout", "over")),
        (hop("timer", "/do/0/a#1~pause#1", task="/do/0/a"), ("a's pause", "over")),
        (hop("timer", "~timeout", task=""), ("flow's timeout", "over")),
        (hop("join", "/do/1/f#1"), ("join of f", "branches over")),
        (hop("timer", BRANCH, level=1), ("│ 2. x", "over")),
        (
            hop("retry", "/do/0/t#1", detail={"delay": 2.0, "problem": {"title": "No"}}),
            ("again: t", "tries again in 2 s: No"),
        ),
        (
            hop("run", "/do/0/r#1", state="completed", detail={"run": "c1", "flow": "a/b:1.0.0"}),
            ("run of r", "completed a/b:1.0.0 c1"),
        ),
        (hop("emitted", "/do/0/e#1", detail={"type": "a.b"}), ("emits: e", "a.b")),
        (hop("heard", "/do/0/l#1~abc", task="/do/0/l", detail={"type": "a"}), ("hears: l", "a")),
        (
            hop("listening", "/do/0/l#1", state="listening", detail={"to": [{"with": {"a": 1}}]}),
            ("listens: l", 'for {"a": 1}'),
        ),
        (hop("listening", "/do/0/l#1"), ("listens: l", "over")),
        (hop("steered", "", state="suspended"), ("run", "suspended")),
        (hop("task", "/do/0/a~1b#1", state="requested"), ("a/b", "requested")),
    ],
)
def test_a_hop_is_told(given: dict[str, Any], expected: tuple[str, str]) -> None:
    """Its name as people call it, with its branch, and what became of it."""
    assert told(given) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(35, "35"), (35.0, "35"), (9.4e-05, "0.000094"), (1.5, "1.5"), (0, "0"), (1e-9, "1e-09"),
     (1_200_000, "1200000")],
)  # fmt: skip
def test_amounts_are_readable(value: float, expected: str) -> None:
    """Tokens are whole, prices are no powers of ten unless they are next to nothing."""
    assert amount(value) == expected
