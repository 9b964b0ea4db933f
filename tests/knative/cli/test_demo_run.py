"""`tendril demo` as a newcomer runs it: a real platform, real tools, a real model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def _demo(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "knative.cli.main", "demo", "--json", *arguments]
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("TENDRIL_")}
    done = subprocess.run(
        command, cwd=folder, env=inherited, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def _only(told: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [each for each in told if each["kind"] == kind]


def test_the_demo_does_the_main_job(tmp_path: Path) -> None:
    """All documents go in, the answer is right and has its source, and the repair succeeds."""
    told = _demo(tmp_path, "--data", "data")
    hops = _only(told, "hop")
    assert {"text-collection", "llm"} <= {hop.get("tool") for hop in hops}
    assert {hop["cold"] for hop in hops if "cold" in hop} == {True, False}
    tools = [hop for hop in hops if "tool" in hop]
    assert all(hop["workMs"] > 0 for hop in tools), "a hop without its milliseconds"
    (answer,) = _only(told, "answer")
    assert "moisture" in answer["answer"]
    assert answer["sources"][0]["document"] == "marlow-sensor.html"
    (letter,) = _only(told, "dead-letter")
    repaired = [hop["outcome"] for hop in hops if hop["subject"] == "price-list.pdf"]
    assert repaired == ["faulted", "completed", "emitted"]
    completed, stopped = _only(told, "note")[-2:]
    assert letter["run"] == completed["run"]
    folder = str((tmp_path / "data").resolve())
    assert (stopped["text"], stopped["data"]) == (f"stopped; the data is in {folder}", folder)
    assert (tmp_path / "data" / "ledger.db").is_file()
    assert not (tmp_path / "data" / "platform.json").exists()


def test_the_demo_takes_a_users_own_files(tmp_path: Path) -> None:
    """Small documents ride in events, a large one goes by the object store; both are found."""
    own = tmp_path / "own"
    own.mkdir()
    (own / "tea.md").write_text("# Tea\n\nGreen tea wants water of 80 degrees.\n")
    padding = f"<!-- {'x' * 300_000} -->"
    (own / "bees.html").write_text(f"<h1>Bees</h1>{padding}<p>Bees dance to tell of flowers.</p>")
    told = _demo(tmp_path, "--documents", "own", "--question", "Why do bees dance?")
    (answer,) = _only(told, "answer")
    assert answer["sources"][0]["document"] == "bees.html"
    assert {source["document"] for source in answer["sources"]} >= {"tea.md", "bees.html"}
