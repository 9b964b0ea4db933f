"""`tendril new tool`: what it makes is a tool like ours, and its tests pass."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from knative.cli.exits import UsageError
from knative.cli.scaffold import named, render

ROOT = Path(__file__).parents[3]
FILES = {
    "README.md",
    "__init__.py",
    "app.py",
    "function.yaml",
    "handler.py",
    "models.py",
    "sample.json",
    "service.yaml",
    "test_word_count.py",
}


def test_a_new_tools_tests_pass(tendril: Any, tmp_path: Path) -> None:
    """Far from the clone, and under the clone's own pytest settings too."""
    done = tendril("new", "tool", "word-count", "--json")
    assert done.returncode == 0
    made = json.loads(done.stdout)
    assert (made["tool"], set(made["files"])) == ("word-count", FILES)
    folder = tmp_path / made["folder"]
    like_ours = ("-c", str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path), str(folder))
    for cwd, arguments in ((folder, ()), (tmp_path, like_ours)):
        pytest_ = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
        tested = subprocess.run(pytest_, cwd=cwd, capture_output=True, text=True, check=False)
        assert tested.returncode == 0, tested.stdout + tested.stderr
        assert "2 passed" in tested.stdout


def test_a_new_tool_has_the_files_of_ours() -> None:
    """Beside its test a new tool has exactly what every task tool folder has."""
    assert {*render(named("word-count")), "function.yaml"} == FILES


def test_an_existing_folder_stays_as_it_is(tendril: Any, tmp_path: Path) -> None:
    """Nothing is written over."""
    (tmp_path / "word_count").mkdir()
    done = tendril("new", "tool", "word-count")
    assert done.returncode == 2
    assert "is there already" in done.stderr
    assert list((tmp_path / "word_count").iterdir()) == []


@pytest.mark.parametrize(
    "name",
    ["Word", "1st", "word.count", "-x", "a--b", "", "x" * 41],
)
def test_names_that_cannot_be_are_refused(name: str) -> None:
    """A name must be one that a Service can have."""
    with pytest.raises(UsageError):
        named(name)


@pytest.mark.parametrize("name", ["http", "json", "text-collection"])
def test_names_that_are_taken_are_refused(tendril: Any, tmp_path: Path, name: str) -> None:
    """A tool hides no function and no Python module, and nothing is made."""
    done = tendril("new", "tool", name)
    assert done.returncode == 2
    assert "is taken" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_underscores_become_dashes() -> None:
    """The Service has dashes where the package has underscores."""
    name = named("word_count")
    assert (name.service, name.package, name.title) == ("word-count", "word_count", "Word count")
