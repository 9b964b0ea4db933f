"""Whose `events` and `functions` run, where others have the same names: real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from knative import interpreter, toolsets
from knative.local.surroundings import Surroundings

ROOT = Path(__file__).resolve().parents[2]
FLOW = """\
document: {dsl: '1.0.3', namespace: test, name: count, version: '1.0.0'}
do:
  - count: {call: word-count, with: {text: 'whatever else is there'}}
"""
MANIFEST = """\
apiVersion: serving.knative.dev/v1
kind: Service
metadata: {name: own}
spec:
  template:
    metadata: {annotations: {tendril.dev/command: "COMMAND"}}
    spec: {containers: [{image: own}]}
"""


def decoys(folder: Path, *more: str) -> None:
    """Put modules into a folder that end whoever imports them."""
    for name in ("events", "functions", *more):
        (folder / f"{name}.py").write_text(f"raise SystemExit('another {name} in {folder}')\n")


def site(python: str) -> Path:
    """Return where an interpreter has its installed packages."""
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    done = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True)
    return Path(done.stdout.strip())


@pytest.fixture
def installed(tmp_path: Path) -> str:
    """Return an environment's Python: others' `events` is installed, ours is in editable form."""
    venv.create(tmp_path / "venv", symlinks=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    packages = site(python)
    decoys(packages)
    (packages / "editable.pth").write_text(f"{site(sys.executable)}\n{ROOT}\n")
    return python


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """An empty folder to work in."""
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


def tendril(python: str, work: Path, *arguments: str, **settings: str) -> str:
    """Return what the command prints, run as its installed script runs it."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("TENDRIL_", "PYTHON"))}
    done = subprocess.run(
        [python, "-P", "-m", "knative.cli.main", *arguments],
        cwd=work,
        env={**inherited, "TENDRIL_WITHOUT": "inference", **settings},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def main_job(python: str, work: Path, **settings: str) -> None:
    """Make a tool, have it described, list the settings, and run a flow that calls the tool."""
    tendril(python, work, "new", "tool", "word-count", "--into", "tools", **settings)
    assert "TENDRIL_LEASE" in tendril(python, work, "status", "--settings", **settings)
    handler = work / "tools" / "word_count" / "handler.py"
    handler.write_text(f"{handler.read_text()}\nimport beside\nimport tabnanny\n")
    (work / "beside.py").write_text("# the tool's neighbour in the working directory\n")
    (work / "count.yaml").write_text(FLOW)
    done = tendril(python, work, "run", "count.yaml", "--json", **settings, TENDRIL_TOOLS="tools")
    assert json.loads(done) == {"words": 4}


def test_a_working_directory_cannot_take_our_names(work: Path) -> None:
    """Commands, the platform and its services run in a folder with an events.py; so do tools."""
    decoys(work, "tabnanny")
    main_job(sys.executable, work)


def test_another_distribution_cannot_take_our_names(work: Path, installed: str) -> None:
    """An installed `events` comes before an editable installation, and still ours is taken."""
    assert "another events" in _imports(installed)
    main_job(installed, work)


def test_a_folder_of_tools_or_a_pythonpath_cannot_take_our_names(work: Path) -> None:
    """What stands before the installed packages does not stand before ours."""
    for name in ("tools", "path"):
        (work / name).mkdir()
        decoys(work / name)
    main_job(sys.executable, work, PYTHONPATH=str(work / "path"))


def test_the_runtime_starts_by_hand_in_any_folder(work: Path) -> None:
    """`python -m knative.local` looks into the working directory last."""
    decoys(work, "argparse")
    done = subprocess.run(
        [sys.executable, "-m", "knative.local", "--port", "none"],
        cwd=work,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "invalid int value: 'none'" in done.stderr


def _imports(python: str) -> str:
    done = subprocess.run(
        [python, "-P", "-c", "import events"], capture_output=True, text=True, check=False
    )
    return done.stderr


@pytest.mark.parametrize(
    ("command", "safe", "path"),
    [
        ("python -m own.serve", ["-P", "-m", "own.serve"], ["tools", "."]),
        ("python serve.py", ["serve.py"], ["tools"]),
        ("uvicorn own:app", ["own:app"], ["tools"]),
    ],
)
def test_a_users_command_keeps_its_neighbours(
    tmp_path: Path, command: str, safe: list[str], path: list[str]
) -> None:
    """A module is looked for in the working directory too, after our folder and the tools'."""
    (tmp_path / "tools" / "own").mkdir(parents=True)
    (tmp_path / "tools" / "own" / "service.yaml").write_text(MANIFEST.replace("COMMAND", command))
    tools = (tmp_path / "tools",)
    (deployment,) = toolsets.within(*tools)
    surroundings = Surroundings("http://localhost", tmp_path, tmp_path, tools=tools)
    made = surroundings.command(deployment, 1)
    assert list(made.argv[1:]) == safe
    expected = [interpreter.home(), *(str((tmp_path / each).resolve()) for each in path)]
    assert made.environment["PYTHONPATH"].split(os.pathsep) == expected
