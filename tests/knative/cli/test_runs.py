"""`tendril run` and `tendril runs`: outputs on stdout, exit codes, what the platform is asked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

START = "POST /services/flow/flows/demo/hello/runs"
SHOW = "GET /services/flow/runs/r1"


def _run(status: str, **members: Any) -> dict[str, Any]:
    return {"id": "r1", "flow": "demo/hello:1.0.0", "status": status, **members}


def test_run_prints_the_output_once_the_run_completed(tendril: Any, platform: Any) -> None:
    """The output is JSON on stdout, alone, and the exit code is 0."""
    platform.answer(START, _run("running"), status=202)
    platform.answer(SHOW, _run("running"), _run("completed", output={"answer": "你好"}))
    done = tendril("run", "demo/hello", "--input", '{"name": "Ada"}', "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == '{"answer":"你好"}\n'
    assert json.loads(platform.asked(START)[0]["body"]) == {"name": "Ada"}


def test_run_takes_its_input_from_a_file_and_from_stdin(
    tendril: Any, platform: Any, tmp_path: Path
) -> None:
    """`@file` and `-` are read where they say."""
    platform.answer(START, _run("completed", output=1))
    (tmp_path / "in.json").write_text("[1]")
    assert tendril("run", "demo/hello", "--input", "@in.json").returncode == 0
    assert tendril("run", "demo/hello", "--input", "-", stdin="[2]").returncode == 0
    assert [json.loads(each["body"]) for each in platform.asked(START)] == [[1], [2]]


def test_run_pins_a_version_and_hands_over_the_key(tendril: Any, platform: Any) -> None:
    """`:VERSION` and `--idempotency-key` reach the platform."""
    platform.answer(START, _run("completed", output=1))
    tendril("run", "demo/hello:1.0.0", "--idempotency-key", "k1")
    asked = platform.asked(START)[0]
    assert asked["query"] == {"version": "1.0.0"}
    assert asked["headers"]["idempotency-key"] == "k1"


@pytest.mark.parametrize("status", ["faulted", "cancelled"])
def test_a_run_that_failed_exits_3_with_its_problem(
    tendril: Any, platform: Any, status: str
) -> None:
    """Faulted and cancelled are 3; stderr is problem+json as a whole, and stdout is empty."""
    problem = {"type": "about:blank", "title": "No", "status": 400, "detail": "no such thing"}
    platform.answer(START, _run(status, error=problem))
    done = tendril("run", "demo/hello")
    assert (done.returncode, done.stdout) == (3, "")
    hint = "see `tendril trace r1`"
    assert json.loads(done.stderr) == {**problem, "run": "r1", "hint": hint}


def test_a_run_that_was_cancelled_without_an_error_has_a_problem_too(
    tendril: Any, platform: Any
) -> None:
    """A run without an error gets a problem that names its state."""
    platform.answer(START, _run("cancelled"))
    done = tendril("run", "demo/hello")
    assert done.returncode == 3
    assert json.loads(done.stderr)["title"] == "Run cancelled"


def test_a_run_that_goes_on_exits_4(tendril: Any, platform: Any) -> None:
    """At the timeout the run goes on and the command says where to look."""
    platform.answer(START, _run("running"), status=202)
    platform.answer(SHOW, _run("waiting"))
    done = tendril("run", "demo/hello", "--timeout", "0.1")
    assert (done.returncode, done.stdout) == (4, "")
    assert "run r1 is still waiting after 0.1 s" in done.stderr


def test_no_wait_prints_the_run(tendril: Any, platform: Any) -> None:
    """With --no-wait the run itself is the output."""
    platform.answer(START, _run("running"), status=202)
    done = tendril("run", "demo/hello", "--no-wait", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (0, _run("running"))


def test_no_platform_exits_5(tendril: Any, closed_url: str) -> None:
    """Where nothing answers the message says what to do."""
    done = tendril("run", "demo/hello", TENDRIL_URL=closed_url)
    assert (done.returncode, done.stdout) == (5, "")
    assert closed_url in done.stderr
    assert "tendril up" in done.stderr


def test_a_flow_that_is_not_deployed_exits_2(tendril: Any) -> None:
    """The platform's 4xx is the caller's mistake; its problem stands on stderr."""
    done = tendril("run", "demo/unknown")
    assert (done.returncode, done.stdout) == (2, "")
    assert json.loads(done.stderr)["title"] == "Not found"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("run", "hello"), "expected NAMESPACE/NAME"),
        (("run", "a/b/c"), "expected NAMESPACE/NAME"),
        (("run", "demo/hello", "--input", "{oops"), "--input:1:2: not JSON"),
        (("run", "demo/hello", "--input", "@gone.json"), "gone.json: cannot be read"),
        (("run",), "Missing argument"),
        (("run", "demo/hello", "--timeout", "-1"), "--timeout"),
        (("nonsense",), "nonsense"),
    ],
)
def test_bad_usage_exits_2_and_says_why(
    tendril: Any, arguments: tuple[str, ...], says: str
) -> None:
    """What the caller typed wrong is named on stderr."""
    done = tendril(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr


def test_a_broken_input_file_is_named_with_its_position(tendril: Any, tmp_path: Path) -> None:
    """The file, the line and the column of a JSON mistake are said."""
    (tmp_path / "in.json").write_text('{\n  "a": }\n')
    done = tendril("run", "demo/hello", "--input", "@in.json")
    assert done.returncode == 2
    assert "in.json:2:8: not JSON" in done.stderr


def test_a_server_error_exits_1(tendril: Any, platform: Any) -> None:
    """A 5xx is nobody's usage: it is an unexpected failure."""
    platform.answer(START, {"title": "Broken", "status": 500, "detail": "disk full"}, status=500)
    done = tendril("run", "demo/hello")
    assert done.returncode == 1
    assert "disk full" in done.stderr


def test_runs_are_listed(tendril: Any, platform: Any) -> None:
    """For people a table, for programs what the platform said; filters go along."""
    listed = {"runs": [_run("completed", startedAt="2026-01-01T00:00:00Z")]}
    platform.answer("GET /services/flow/runs", listed)
    asked = ("--flow", "demo/hello", "--status", "completed", "--limit", "3")
    done = tendril("runs", *asked)
    assert done.returncode == 0
    assert "demo/hello:1.0.0" in done.stdout
    assert json.loads(tendril("runs", "--json").stdout) == listed
    query = {"flow": "demo/hello", "status": "completed", "limit": "3"}
    assert platform.requests[0]["query"] == query
