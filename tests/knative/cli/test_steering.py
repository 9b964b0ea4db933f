"""`tendril suspend`, `resume` and `cancel`."""

from __future__ import annotations

import json
from typing import Any

import pytest


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("suspend", "r1  demo/hello:1.0.0  suspended; `tendril resume r1` lets it go on\n"),
        ("resume", "r1  demo/hello:1.0.0  goes on; see `tendril trace r1`\n"),
        ("cancel", "r1  demo/hello:1.0.0  cancelled\n"),
    ],
)
def test_a_run_is_steered(tendril: Any, platform: Any, command: str, told: str) -> None:
    """The platform is asked once, and people are told what follows; programs get the run."""
    run = {"id": "r1", "flow": "demo/hello:1.0.0", "status": "any"}
    path = f"POST /services/flow/runs/r1/{command}"
    platform.answer(path, run, status=202)
    done = tendril(command, "r1")
    assert (done.returncode, done.stdout) == (0, told)
    assert len(platform.asked(path)) == 1
    assert json.loads(tendril(command, "r1", "--json").stdout) == run


def test_a_run_that_has_ended_is_not_steered(tendril: Any, platform: Any) -> None:
    """The platform's refusal is told, and the command fails."""
    problem = {"type": "about:blank", "title": "Not suspended", "status": 409}
    detail = {"detail": "run r1 is completed"}
    platform.answer("POST /services/flow/runs/r1/suspend", problem | detail, status=409)
    done = tendril("suspend", "r1")
    assert done.returncode != 0
    assert "run r1 is completed" in done.stderr
