"""Which tasks of two versions of a flow are the same."""

from __future__ import annotations

import pytest

from functions.host.takeover import same_place


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/do/0/ask#1", "/do/3/ask#1"),
        ("/do/0/7#1", "/do/1/7#1"),
        ("/do/0/t/try/1/ask#2", "/do/2/t/try/0/ask#2"),
        (
            "/do/1/f/fork/branches/0/b/do/0/x#1@/do/1/f#1/0",
            "/do/2/f/fork/branches/1/b/do/4/x#1@/do/2/f#1/1",
        ),
        (
            "/do/0/f/fork/branches/0/g/fork/branches/1/x#1@/do/0/f#1/0|/do/0/f/fork/branches/0/g#1/1",
            "/do/9/f/fork/branches/0/g/fork/branches/0/x#1@/do/9/f#1/0|/do/9/f/fork/branches/0/g#1/0",
        ),
    ],
)
def test_a_place_in_a_list_does_not_matter(one: str, other: str) -> None:
    """Tasks and branches may be added and moved."""
    assert same_place(one) == same_place(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/do/0/ask#1", "/do/0/ask#2"),
        ("/do/0/ask#1", "/do/0/tell#1"),
        ("/do/0/7#1", "/do/0/8#1"),
        ("/do/0/t/try/0/ask#1", "/do/0/t/catch/do/0/ask#1"),
        ("/do/0/f/fork/branches/0/b#1@/do/0/f#1/0", "/do/0/f/fork/branches/0/b#1@/do/0/f#2/0"),
        ("/do/0/l/do/0/a#1@/do/0/l#1/0", "/do/0/l/do/0/a#1@/do/0/l#1/1"),
    ],
)
def test_names_visits_and_what_is_around_matter(one: str, other: str) -> None:
    """Another name, another visit and another list around are another task."""
    assert same_place(one) != same_place(other)
