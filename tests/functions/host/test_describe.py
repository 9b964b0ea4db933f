"""`python -m functions.host.describe`: what it writes, and how it refuses."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from functions.host.describe import main

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's tool, in a folder of its own."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    folder = tmp_path / "pinged"
    shutil.copytree(ROOT / "benchmarks" / "tools" / "ping", folder)
    for file in folder.glob("*.py"):
        file.write_text(file.read_text().replace("from ping.", "from pinged."))
    return folder


def test_a_file_is_written_and_then_up_to_date(
    tool: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--check says 1 and which file, until it is written anew."""
    (tool / "function.yaml").write_text("name: old")
    assert main(["--check", str(tool)]) == 1
    assert "pinged/function.yaml is stale" in capsys.readouterr().err
    assert main([str(tool)]) == 0
    assert main(["--check", str(tool)]) == 0
    assert (tool / "function.yaml").read_text().startswith("# Generated from models.py")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "required: FOLDER"),
        (["--chek", "functions/http"], "unrecognized arguments: --chek"),
        (["nowhere"], "nowhere is no tool's folder: it has no app.py"),
        ([str(ROOT / "functions" / "flow")], "its app was not made by serve()"),
    ],
    ids=["no folder", "unknown option", "no such folder", "a service"],
)
def test_bad_usage_is_refused(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is wrong and how to use it, with exit status 2 and no traceback."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert "usage: python -m functions.host.describe" in said
    assert reason in said


def test_help_says_how_it_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    """--help is no error."""
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert "--check" in capsys.readouterr().out
