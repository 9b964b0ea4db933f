"""Platforms that a command starts: real ones, and nothing of them is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import psutil
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FLOW = """\
document: {dsl: '1.0.3', namespace: demo, name: double, version: '1.0.0'}
do:
  - double:
      set: {twice: "${ .n * 2 }"}
"""

FAILS = """\
document: {dsl: '1.0.3', namespace: demo, name: fails, version: '1.0.0'}
do:
  - stop:
      raise: {error: {type: 'https://example.com/no', status: 418, title: 'No'}}
"""


@pytest.fixture
def surroundings(tmp_path: Path) -> dict[str, str]:
    """Give an environment without settings, whose temporary folders are seen."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("TENDRIL_")}
    (tmp_path / "temporary").mkdir()
    return {**inherited, "TMPDIR": str(tmp_path / "temporary")}


def test_run_of_a_file_brings_its_own_platform(
    tmp_path: Path, surroundings: dict[str, str], closed_url: str
) -> None:
    """Where none is up, one lives as long as the command: no process and no file stays."""
    (tmp_path / "double.yaml").write_text(FLOW)
    (tmp_path / ".tendril").mkdir()
    (tmp_path / ".tendril" / "platform.json").write_text(json.dumps({"url": closed_url}))
    done = subprocess.run(
        [sys.executable, "-m", "knative.cli.main", "run", "double.yaml", "--input", '{"n": 21}'],
        cwd=tmp_path,
        env=surroundings,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, json.loads(done.stdout)) == (0, {"twice": 42}), done.stderr
    assert list((tmp_path / "temporary").iterdir()) == []
    assert _processes_in(tmp_path / "temporary") == []


def test_a_run_that_faults_on_its_own_platform_says_so_in_json(
    tmp_path: Path, surroundings: dict[str, str]
) -> None:
    """Its problem+json is the whole of stderr, so that a program can read why the run failed."""
    (tmp_path / "fails.yaml").write_text(FAILS)
    done = subprocess.run(
        [sys.executable, "-m", "knative.cli.main", "run", "fails.yaml"],
        cwd=tmp_path,
        env={**surroundings, "TENDRIL_WITHOUT": "inference"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (3, "")
    problem = json.loads(done.stderr)
    assert (problem["title"], problem["status"], problem["instance"]) == ("No", 418, "/do/0/stop")
    assert problem["run"]
    assert "tendril up" in problem["hint"]


def test_up_serves_until_ctrl_c(
    tmp_path: Path, surroundings: dict[str, str], closed_url: str
) -> None:
    """`up` says where things are, is found by other commands, and ends cleanly."""
    port = closed_url.rpartition(":")[2]
    command = [sys.executable, "-m", "knative.cli.main"]
    with subprocess.Popen(
        [*command, "up", "--port", port, "--json"],
        cwd=tmp_path,
        env=surroundings,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            places = json.loads(process.stdout.readline())
            assert places["broker"] == f"{closed_url}/default/default"
            _until_ready([*command, "status", "--json"], tmp_path, surroundings)
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert _processes_in(tmp_path / ".tendril") == []


def test_a_platform_ends_with_the_command_that_started_it(
    tmp_path: Path, surroundings: dict[str, str]
) -> None:
    """A terminal's Ctrl-C stops it in order (130); even a killed command leaves none behind."""
    for number, code in ((signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)):
        process = subprocess.Popen(
            [sys.executable, "-m", "knative.cli.main", "demo", "--data", f"data{code}"],
            cwd=tmp_path,
            env=surroundings,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        folder = tmp_path / f"data{code}"
        _until((folder / "platform.json").exists)
        # a terminal signals the whole group, which is the command's session here
        os.killpg(process.pid, number)
        assert process.wait(60) == code
        _until(partial(_none_in, folder))
        in_order = number == signal.SIGINT
        assert (folder / "platform.log").read_text().endswith("INFO stopped\n") == in_order
        assert (folder / "platform.json").exists() != in_order


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _until_ready(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode == 0 and json.loads(done.stdout)["ready"]:
            return
        time.sleep(0.1)
    pytest.fail(f"not ready: {done.stdout} {done.stderr}")


def _none_in(folder: Path) -> bool:
    return _processes_in(folder) == []


def _processes_in(folder: Path) -> list[Any]:
    """Return the processes whose command line or data folder is within `folder`."""
    found = []
    for process in psutil.process_iter():
        try:
            told = [*process.cmdline(), process.environ().get("TENDRIL_DATA", "")]
        except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
        if any(str(folder) in each for each in told):
            found.append(process)
    return found
