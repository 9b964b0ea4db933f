"""What the README says is so."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"


def commands() -> list[str]:
    """Return the README's two set-up commands: the main job's and the tests'."""
    found = README.read_text("utf-8").split("```sh\n")[1:]
    return [block.split("\n```")[0] for block in found]


def test_a_newcomer_needs_two_commands() -> None:
    """One line runs the main job, one the tests; each starts from Python and pip alone."""
    job, tests = commands()
    assert job.startswith("python3 -m venv .venv && ")
    assert job.endswith("tendril demo")
    assert tests.startswith("python3 -m venv .venv && ")
    assert tests.endswith("pytest -q")
    for line in (job, tests):
        assert " --only-binary :all: -r requirements" in line, "it would need a compiler"


def test_the_readme_does_what_it_says(play: Callable[[Path], None]) -> None:
    """A reader who types what stands there sees what stands there."""
    play(README)


@pytest.mark.slow
def test_the_main_job_runs_in_a_fresh_clone(tmp_path: Path) -> None:
    """In a fresh clone under a new HOME, the README's first command answers with its sources."""
    subprocess.run(["git", "clone", "-q", str(ROOT), str(tmp_path / "clone")], check=True)
    home = tmp_path / "home"
    home.mkdir()
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TENDRIL_", "VIRTUAL_ENV"))}
    done = subprocess.run(
        ["bash", "-c", commands()[0]],
        cwd=tmp_path / "clone",
        env={**kept, "HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=540,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert "answer: " in done.stdout + done.stderr
    assert "source 1: " in done.stdout + done.stderr
