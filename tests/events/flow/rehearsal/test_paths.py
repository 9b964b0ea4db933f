"""Paths: in order, except between the branches of a fork."""

from __future__ import annotations

import pytest

from events.flow.rehearsal.paths import agrees, compared, labels

FORK = "/do/1/f"
LEFT = [f"{FORK}/fork/branches/0/l", f"{FORK}/fork/branches/0/l/do/0/x"]
RIGHT = [f"{FORK}/fork/branches/1/r", f"{FORK}/fork/branches/1/r/do/0/y"]
PATH = ["/do/0/a", FORK, LEFT[0], RIGHT[0], LEFT[1], RIGHT[1], "/do/2/b"]


@pytest.mark.parametrize("expected", ["aflrxyb", "aflxryb", "afrylxb"])
def test_branches_may_interleave_otherwise(expected: str) -> None:
    """Whichever branch went first, it is the same path."""
    assert agrees(list(expected), PATH)


@pytest.mark.parametrize(
    "expected",
    ["aflrxy", "aflrxybb", "faxlryb", "aflryxzb", "afxlryb", "alfrxyb", "aflrbxy", ""],
)
def test_other_orders_and_tasks_do_not_agree(expected: str) -> None:
    """Missing, further and unknown tasks, an order within a branch, and one round the fork."""
    assert not agrees(list(expected), PATH)


def test_names_and_references() -> None:
    """A name that two tasks have is told apart by its reference; loops repeat both."""
    path = ["/do/0/a", "/do/1/l", "/do/1/l/do/0/a", "/do/1/l/do/0/a"]
    assert labels(path) == ["/do/0/a", "l", "/do/1/l/do/0/a", "/do/1/l/do/0/a"]
    assert agrees(labels(path), path)
    assert agrees(["a", "l", "a", "a"], path)
    assert not agrees(["a", "l", "a"], path)


def test_the_difference_is_shown_line_by_line() -> None:
    """`-` is what was expected and not done, `+` what was done instead."""
    assert compared(["a", "c"], ["/do/0/a", "/do/1/b"]) == ["  a", "- c", "+ b"]
