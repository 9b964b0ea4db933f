"""The functions that a host can see."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from events.errors import ToolError
from functions.host.catalog import load

TOOLS = Path(__file__).resolve().parents[3] / "benchmarks" / "tools"


def test_a_users_tools_join_ours(tmp_path: Path) -> None:
    """Folders anywhere, separated like PATH, add their tools to the catalog."""
    shutil.copytree(TOOLS / "pong", tmp_path / "pong")
    ours = {function.name for function in load().functions}
    assert ours >= {"http", "llm", "text-collection"}
    both = load(os.pathsep.join([str(TOOLS / "none"), str(tmp_path)]))
    assert {function.name for function in both.functions} == ours | {"pong"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: [", r"function\.yaml:1:"),
        ("name: pong\n", r"pong/function\.yaml: a function\.yaml needs the property 'version'"),
        ("name: pong\nversion: one\n", r"pong/function\.yaml: one is not valid SemVer"),
        ("3", r"pong/function\.yaml: a function\.yaml has the wrong shape"),
    ],
)
def test_a_broken_entry_is_named(tmp_path: Path, text: str, said: str) -> None:
    """A function.yaml that is wrong is told with its file, what is wrong and what to do."""
    (tmp_path / "pong").mkdir()
    (tmp_path / "pong" / "function.yaml").write_text(text)
    with pytest.raises(ToolError, match=said) as raised:
        load(str(tmp_path))
    assert "python -m functions.host.describe" in str(raised.value)
