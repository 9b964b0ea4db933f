"""The page about the state machine says what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from events.flow.advance import happenings
from events.flow.advance.picture import following, page
from events.flow.advance.table import ALWAYS, TRANSITIONS

PAGE = Path(__file__).resolve().parents[3] / "docs" / "state-machine.md"
KNOWN = {name for name in vars(happenings) if name[:1].isupper()} - {"Happening"}


def test_the_page_is_the_tables() -> None:
    """Whoever changes the table writes the page again."""
    again = "write it again: python -m events.flow.advance.picture > docs/state-machine.md"
    assert PAGE.read_text("utf-8") == page(), again


@pytest.mark.parametrize("transition", [*TRANSITIONS.values(), *ALWAYS.values()])
def test_every_transition_says_what_follows(transition: object) -> None:
    """The return type names the happenings, so that mypy holds the picture to the code."""
    assert {*following(transition)} <= {*KNOWN, "waits"}  # type: ignore[arg-type]


def test_every_row_is_drawn() -> None:
    """Each row of the table is a line, and has its edge in the diagram."""
    lines = page().splitlines()
    rows = [line.split("|")[1:-1] for line in lines if line.startswith("| ")][1:]
    assert len(rows) == len(TRANSITIONS) + len(ALWAYS)
    edges = [re.split(r" --> |: ", line.strip()) for line in lines if line.startswith("    ")]
    drawn = {(edge[0], edge[1], kind) for edge in edges for kind in edge[-1].split(", ")}
    for kind, happens, _, then in rows:
        for each in then.strip().split(", "):
            assert (happens.strip(), each, kind.strip()) in drawn
