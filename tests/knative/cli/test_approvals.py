"""`tendril approvals`: what is asked of the platform, and how its answers are shown."""

from __future__ import annotations

import json
from typing import Any

APPROVALS = "/services/flow/approvals"
APPROVAL = {
    "id": "r1.L2RvLzAvYSMx",
    "state": "open",
    "run": "r1",
    "flow": "shop/refund:1.0.0",
    "task": "/do/0/approve",
    "title": None,
    "assignees": ["ann", "board"],
    "since": "2026-01-01T00:00:00Z",
    "due": "2026-01-04T00:00:00Z",
    "escalated": 0,
    "suspended": False,
}
RUN = {"id": "r1", "flow": "shop/refund:1.0.0", "status": "waiting", "approvals": [APPROVAL]}


def test_list_shows_what_and_for_whom(tendril: Any, platform: Any) -> None:
    """A task without a title goes by its name; filters go along."""
    platform.answer(f"GET {APPROVALS}", {"approvals": [APPROVAL]})
    done = tendril("approvals", "list", "--assignee", "ann", "--run", "r1")
    assert done.returncode == 0
    for shown in ("r1.L2RvLzAvYSMx", "approve", "ann, board", "2026-01-04T00:00:00Z"):
        assert shown in done.stdout
    assert platform.requests[0]["query"] == {"assignee": "ann", "run": "r1", "limit": "50"}
    platform.answer(f"GET {APPROVALS}", {"approvals": []})
    assert tendril("approvals", "list").stderr == "no open approvals\n"
    assert json.loads(tendril("approvals", "list", "--json").stdout) == {"approvals": []}


def test_show_prints_one_whole(tendril: Any, platform: Any) -> None:
    """The approval is printed as the platform has it."""
    platform.answer(f"GET {APPROVALS}/{APPROVAL['id']}", APPROVAL)
    assert json.loads(tendril("approvals", "show", APPROVAL["id"]).stdout) == APPROVAL


def test_an_answer_goes_with_a_name(tendril: Any, platform: Any) -> None:
    """What is sent is the answer, who gives it and the groups they are in."""
    answered = {**APPROVAL, "state": "answered", "suspended": True}
    platform.answer(f"POST {APPROVALS}/{APPROVAL['id']}", answered)
    given = ("--data", '{"ok": true}', "--by", "ann", "--group", "board")
    done = tendril("approvals", "answer", APPROVAL["id"], *given)
    assert (done.returncode, "tendril trace r1" in done.stdout) == (0, True)
    assert "goes on when it is resumed" in done.stdout
    sent = json.loads(platform.requests[0]["body"])
    assert sent == {"answer": {"ok": True}, "by": "ann", "groups": ["board"]}


def test_a_refusal_is_told(tendril: Any, platform: Any) -> None:
    """What is wrong with an answer goes to stderr, as the platform says it."""
    problem = {"title": "Already answered", "status": 409, "detail": "was answered by tom"}
    platform.answer(f"POST {APPROVALS}/a", problem, status=409)
    done = tendril("approvals", "answer", "a", "--data", "1")
    assert (done.returncode, json.loads(done.stderr)) == (2, problem)
    assert tendril("approvals", "answer", "a", "--data", "yes").returncode == 2


def test_runs_and_trace_show_who_is_waited_for(tendril: Any, platform: Any) -> None:
    """A run's status is shown as it is, and the trace says how to answer."""
    platform.answer("GET /services/flow/runs", {"runs": [RUN]})
    assert "waiting" in tendril("runs").stdout
    totals = {"attempts": 0, "queuedMs": 0, "coldMs": 0, "workMs": 0, "usage": {}}
    trace = {"run": RUN, "hops": [], "totals": totals}
    platform.answer("GET /services/flow/runs/r1/trace", trace)
    said = tendril("trace", "r1").stdout
    assert "waits for ann, board: approve" in said
    assert "tendril approvals answer r1.L2RvLzAvYSMx" in said
