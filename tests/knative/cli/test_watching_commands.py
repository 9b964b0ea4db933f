"""`tendril trace`, `logs` and `status`: what a person sees of a platform."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

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
ATTEMPT = {
    "attempt": 1, "requestedAt": "2026-01-01T00:00:00.250Z", "claimedAt": None, "queuedMs": 12.4,
    "cold": True, "coldMs": 80.0, "workMs": 1200.0, "lost": 0, "outcome": "faulted",
    "problem": {"title": "Timeout"}, "usage": {"input_tokens": 31.0}, "retryAt": None,
}  # fmt: skip
HOP: dict[str, Any] = {
    "kind": "task", "instance": "/do/0/ask#1", "task": "/do/0/ask", "cause": None, "level": 0,
    "at": "2026-01-01T00:00:00.250Z", "state": "faulted", "tool": "llm", "version": "1.0.0",
    "attempts": [ATTEMPT], "detail": {}, "missing": None,
}  # fmt: skip
TOTALS = {
    "attempts": 1, "queuedMs": 12.4, "coldMs": 80.0, "workMs": 1200.0,
    "usage": {"input_tokens": 31.0},
}  # fmt: skip
TRACE: dict[str, Any] = {"run": RUN, "hops": [HOP], "totals": TOTALS}


def test_trace_shows_every_hop(tendril: Any, platform: Any) -> None:
    """Tool, times apart, attempt, outcome, usage and error are all there."""
    platform.answer("GET /services/flow/runs/r1/trace", TRACE)
    done = tendril("trace", "r1")
    assert done.returncode == 0
    for shown in ("1.5 s", "ask", "llm", "12 ms", "cold 80 ms", "1.2 s", "faulted", "Timeout"):
        assert shown in done.stdout
    assert "(input 31)" in done.stdout
    assert "in all: 1 attempt, queued 12 ms, starting 80 ms, working 1.2 s" in done.stdout
    assert "Communication at /do/0/ask: timed out" in done.stdout
    told = json.loads(tendril("trace", "r1", "--json").stdout)
    assert told == {**TRACE, "missing": {}}


def test_trace_shows_the_budget(tendril: Any, platform: Any) -> None:
    """What is used, what of, and whose the budget is."""
    budget = {
        "run": "r0", "calls": None, "tokens": 20000, "cost": 0.5, "until": "2026-11-21T12:00:00Z",
        "used": {"calls": 3, "tokens": 90, "cost": 0.15},
        "setAside": {"calls": 0, "tokens": 0, "cost": 0.0},
    }  # fmt: skip
    platform.answer("GET /services/flow/runs/r1/trace", TRACE | {"run": RUN | {"budget": budget}})
    shown = tendril("trace", "r1").stdout
    used = "3 calls, 90 of 20000 tokens, 0.15 of 0.5 cost, until 2026-11-21T12:00:00Z"
    assert f"budget of run r0: {used}" in " ".join(shown.split())


WAITING = HOP | {
    "state": "requested",
    "attempts": [ATTEMPT | {"cold": None, "outcome": "requested", "usage": None, "problem": None}],
    "missing": {"since": None, "asked": 3, "heardOf": None, "reason": "no llm ever took one up"},
}
TRIGGER: dict[str, Any] = {
    "name": "default/tool-llm-v1", "broker": "default/default", "waiting": 2, "active": 1,
    "subscriber": "http://llm", "filter": "tool is 'llm'", "matches": True, "reason": None,
    "trouble": {"at": "12:00", "reason": "the subscriber answered 502 after 3 attempts"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("triggers", "expected"),
    [
        ([TRIGGER], "2 waiting, 1 under way, the last failure: the subscriber answered 502"),
        ([TRIGGER | {"trouble": None}], "Trigger default/tool-llm-v1: 2 waiting, 1 under way\n"),
        ([TRIGGER | {"matches": False}], "no Trigger is for llm 1: is it deployed?"),
        (None, "no llm ever took one up\n"),
    ],
    ids=["failing", "busy", "none", "unknown"],
)
def test_trace_says_why_an_event_is_missing(
    tendril: Any, platform: Any, triggers: list[dict[str, Any]] | None, expected: str
) -> None:
    """What the ledger and, where it can be asked, the broker know of it."""
    platform.answer("GET /services/flow/runs/r1/trace", TRACE | {"hops": [WAITING]})
    if triggers is not None:
        platform.answer("POST /triggers", {"triggers": triggers})
    done = tendril("trace", "r1")
    assert "MISSING, asked 3 times" in done.stdout
    assert "! /do/0/ask#1: no llm ever took one up" in done.stdout
    assert expected in done.stdout


def test_explain_shows_whom_an_event_would_reach(tendril: Any, platform: Any) -> None:
    """Triggers but those of tools, starts and listens, those that match first, with the reason."""
    tool = TRIGGER | {"filter": "type is 'dev.tendril.task.requested.v1'", "matches": False}
    door = TRIGGER | {"name": "default/door", "matches": True}
    wants = {"with": {"type": "a.b"}}
    no = {
        "flow": "shop/order:1.0.0", "waits": "start", "filter": wants, "matches": False,
        "reason": 'type is "a.c", not "a.b"', "correlation": {},
        "together": 1,
    }  # fmt: skip
    yes = no | {"waits": "listen", "matches": True, "reason": None, "correlation": {"order": "7"}}
    platform.answer("POST /triggers", {"triggers": [tool, door]})
    platform.answer("POST /services/flow/explain", {"flows": [no, yes], "ignored": None})
    done = tendril("explain", "--type", "a.c", "--data", "{}")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [line[0] for line in lines[2:]] == ["yes", "yes", "no"]
    assert 'type is "a.c", not "a.b"' in done.stdout
    assert '{"order": "7"}' in done.stdout
    assert "tool-llm" not in done.stdout
    sent = json.loads(platform.asked("POST /services/flow/explain")[0]["body"])
    assert (sent["type"], sent["data"]) == ("a.c", {})
    told = json.loads(tendril("explain", "--type", "a.c", "--json").stdout)
    assert [each["matches"] for each in told["flows"]] == [False, True]


def test_explain_takes_the_newest_unmatched_event(tendril: Any, platform: Any) -> None:
    """`--unmatched` asks about an event that was kept; without one, that is said."""
    event = {"specversion": "1.0", "id": "1", "source": "/a", "type": "a.c"}
    platform.answer("POST /services/flow/explain", {"flows": [], "ignored": None})
    platform.answer("GET /services/flow/unmatched", {"unmatched": [event]})
    done = tendril("explain", "--unmatched")
    assert "a.c  from /a" in done.stdout
    assert "kept as unmatched" in done.stdout
    platform.answer("GET /services/flow/unmatched", {"unmatched": []})
    assert tendril("explain", "--unmatched").returncode == 2


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


def test_version_loads_nothing_heavy() -> None:
    """`tendril --version` pays for no framework, in JSON neither."""
    command = [sys.executable, "-X", "importtime", "-m", "knative.cli.main", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True)
    assert done.stdout == f"tendril {json.loads(told.stdout)['version']}\n"
    for heavy in ("typer", "rich", "pydantic", "aiohttp", "yaml"):
        assert f" {heavy}\n" not in done.stderr + told.stderr


def test_help_documents_the_exit_codes(tendril: Any) -> None:
    """Every command's help says what its exit codes mean."""
    for command in ((), ("run",), ("check",), ("deadletters", "redrive"), ("new", "tool")):
        done = tendril(*command, "--help")
        assert done.returncode == 0
        assert "5 no platform" in " ".join(done.stdout.split())
