"""`tendril trace`, `logs` and `status`: what a person sees of a platform."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

RUN = {
    "id": "r1",
    "flow": "demo/hello:1.0.0",
    "status": "faulted",
    "startedAt": "2026-01-01T00:00:00.000Z",
    "endedAt": "2026-01-01T00:00:01.500Z",
    "error": {"title": "Communication", "detail": "timed out", "instance": "/do/0/ask"},
}
HISTORY = [
    {
        "seq": number,
        "at": "2026-01-01T00:00:00.250Z",
        "kind": kind,
        "task": "/do/0/ask",
        "instance": "/do/0/ask#1",
        "detail": detail,
    }
    for number, (kind, detail) in enumerate(
        [
            ("task.requested", {"tool": "llm"}),
            ("task.claimed", {"cold": True, "attempt": 1, "queuedMs": 12.4}),
            ("task.faulted", {"workMs": 1200, "tool": "llm", "problem": {"title": "Timeout"}}),
        ]
    )
]


def test_trace_shows_every_hop(tendril: Any, platform: Any) -> None:
    """Event, tool, cold or warm, times, attempt and error are all there."""
    platform.answer("GET /services/flow/runs/r1", RUN)
    platform.answer("GET /services/flow/runs/r1/history", {"history": HISTORY})
    done = tendril("trace", "r1")
    assert done.returncode == 0
    for shown in ("1.5 s", "task.requested", "llm", "cold", "12 ms", "1.2 s", "Timeout"):
        assert shown in done.stdout
    assert "Communication at /do/0/ask: timed out" in done.stdout
    told = json.loads(tendril("trace", "r1", "--json").stdout)
    assert (told["run"], told["history"]) == (RUN, HISTORY)
    assert [hop["outcome"] for hop in told["hops"]] == ["faulted"]


def test_status_shows_services(tendril: Any, platform: Any) -> None:
    """Health and each service's state are shown; a platform not ready is no error."""
    service = {"name": "llm", "state": "cold", "pid": None, "coldStarts": 2}
    platform.answer("GET /services", {"services": [service]})
    platform.answer("GET /healthz", {"status": "starting"}, status=503)
    done = tendril("status")
    assert done.returncode == 0
    assert "not ready" in done.stdout
    assert "cold" in done.stdout
    told = json.loads(tendril("status", "--json").stdout)
    assert told == {"url": platform.url, "ready": False, "services": [service]}


def test_logs_come_from_the_data_folder(tendril: Any, tmp_path: Path) -> None:
    """The services' lines are in the order they were written; plain lines stay plain."""
    logs = tmp_path / "data" / "logs"
    logs.mkdir(parents=True)
    later = {
        "time": "2026-01-01T00:00:02",
        "level": "INFO",
        "message": "later",
        "run": "r1",
        "x": {},
    }
    (logs / "flow.log").write_text(json.dumps(later) + "\n")
    sooner = {"time": "2026-01-01T00:00:01", "level": "INFO", "message": "sooner"}
    (logs / "llm.log").write_text(json.dumps(sooner) + "\n")
    done = tendril("logs", "--data", "data")
    assert done.returncode == 0
    assert done.stdout.index("sooner") < done.stdout.index("later")
    assert "run=r1" in done.stdout
    only = tendril("logs", "llm", "--data", "data", "--json")
    assert json.loads(only.stdout) == {"service": "llm", **sooner}


def test_logs_of_an_unknown_service_name_the_known_ones(tendril: Any, tmp_path: Path) -> None:
    """A wrong name is bad usage and the message helps."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "flow.log").write_text("x\n")
    done = tendril("logs", "flew", "--data", ".")
    assert done.returncode == 2
    assert "there are: flow" in done.stderr


def test_logs_can_be_followed(tmp_path: Path) -> None:
    """Lines written later are printed too, also of services that appear later."""
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "flow.log").write_text("before\n")
    command = [sys.executable, "-m", "knative.cli.main", "logs", "--follow", "--data", "."]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        limit = threading.Timer(30, process.kill)
        limit.start()
        assert "before" in process.stdout.readline()
        (logs / "llm.log").write_text("after\n")
        assert "after" in process.stdout.readline()
        process.terminate()
        limit.cancel()


def test_version_is_quick() -> None:
    """`tendril --version` pays for no framework, in JSON neither: it is there in half a second."""
    command = [sys.executable, "-X", "importtime", "-m", "knative.cli.main", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("tendril ")
    for heavy in ("typer", "rich", "pydantic", "aiohttp", "yaml"):
        assert f" {heavy}\n" not in done.stderr
    told = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True)
    assert f"tendril {json.loads(told.stdout)['version']}\n" == done.stdout
    fastest = min(_seconds([sys.executable, "-m", "knative.cli.main", "--version"]) for _ in "123")
    assert fastest < 0.4


def _seconds(command: list[str]) -> float:
    began = time.monotonic()
    subprocess.run(command, capture_output=True, check=True)
    return time.monotonic() - began


def test_help_documents_the_exit_codes(tendril: Any) -> None:
    """Every command's help says what its exit codes mean."""
    for command in ((), ("run",), ("check",), ("deadletters", "redrive"), ("new", "tool")):
        done = tendril(*command, "--help")
        assert done.returncode == 0
        assert "5 no platform" in " ".join(done.stdout.split())
