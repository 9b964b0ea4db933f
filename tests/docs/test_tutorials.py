"""What the tutorials say is so: every file in them is written and every command run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", ["write-a-flow.md", "write-a-tool.md"])
def test_a_tutorial_does_what_it_says(play: Callable[[Path], None], name: str) -> None:
    """A reader who types what stands there sees what stands there."""
    play(DOCS / name)
