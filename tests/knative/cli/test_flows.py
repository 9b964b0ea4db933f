"""`tendril check`, `show`, `deploy` and `flows`: mistakes carry file, line and column."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
DEPLOY = "POST /services/flow/flows"
GOOD = """\
document:
  dsl: '1.0.3'
  namespace: demo
  name: hello
  version: '1.0.0'
do:
  - greet:
      set:
        greeting: ${ "Hello, " + .name }
"""
DEPLOYED = {"namespace": "demo", "name": "hello", "version": "1.0.0", "digest": "sha256:00"}


@pytest.fixture
def flow(tmp_path: Path) -> Path:
    """Give a flow file without mistakes."""
    file = tmp_path / "hello.yaml"
    file.write_text(GOOD)
    return file


def test_check_passes_a_good_flow(tendril: Any, platform: Any, flow: Path) -> None:
    """No mistakes is exit code 0, found without any platform."""
    done = tendril("check", flow.name)
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(tendril("check", flow.name, "--json").stdout)
    assert told == {"files": [{"file": flow.name, "findings": []}]}
    assert platform.requests == []


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("set:", "sett:", "hello.yaml:8:7: "),
        ('"Hello, " + .name', '"Hello, " +', "hello.yaml:9:9: "),
        ("set:\n        greeting: ", "call: nothing\n      if: ", "'nothing'"),
        ("do:", "do: [", "hello.yaml:7:"),
    ],
)
def test_check_names_the_place_of_a_mistake(
    tendril: Any, flow: Path, before: str, after: str, says: str
) -> None:
    """A mistake is exit code 2 and `file:line:column: what` on stderr."""
    flow.write_text(GOOD.replace(before, after))
    done = tendril("check", flow.name)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    told = tendril("check", flow.name, "--json")
    assert told.returncode == 2
    first = json.loads(told.stdout)["files"][0]["findings"][0]
    assert f"hello.yaml:{first['line']}:{first['column']}: {first['message']}" in told.stderr


def test_check_looks_at_every_file(tendril: Any, flow: Path, tmp_path: Path) -> None:
    """One command tells the mistakes of all the files that it is given."""
    wrong = [tmp_path / name for name in ("first.yaml", "second.yaml")]
    for each in wrong:
        each.write_text(GOOD.replace("set:", "sett:"))
    done = tendril("check", "first.yaml", flow.name, "second.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert [line.partition(" ")[0] for line in done.stderr.splitlines()] == [
        "first.yaml:8:7:",
        "second.yaml:8:7:",
    ]
    said = tendril("check", flow.name, flow.name.replace("hello", "first"), "--json")
    assert [len(each["findings"]) for each in json.loads(said.stdout)["files"]] == [0, 1]


def test_check_says_when_a_file_is_missing(tendril: Any) -> None:
    """A file that is not there is bad usage."""
    done = tendril("check", "gone.yaml")
    assert done.returncode == 2
    assert "gone.yaml: cannot be read" in done.stderr


def test_check_knows_a_users_own_tools(tendril: Any, flow: Path, tmp_path: Path) -> None:
    """Functions come from TENDRIL_TOOLS too; naming the tool itself is explained."""
    tendril("new", "tool", "word-count", "--into", "tools")
    flow.write_text(
        GOOD.replace('greeting: ${ "Hello, " + .name }', "text: ${ .text }").replace(
            "set:", "call: word-count\n      with:"
        )
    )
    assert tendril("check", flow.name).returncode == 2
    assert tendril("check", flow.name, TENDRIL_TOOLS="tools").returncode == 0
    done = tendril("check", flow.name, TENDRIL_TOOLS="tools/word_count")
    assert done.returncode == 2
    assert f"put its parent {tmp_path / 'tools'} in TENDRIL_TOOLS" in done.stderr


CATALOGED = """
document: {dsl: '1.0.3', namespace: test, name: cataloged, version: '1.0.0'}
use: {catalogs: {near: {endpoint: 'ROOT'}}}
do:
  - greet: {call: greet:1.0.0@near, with: {name: '${ .name }'}}
"""
FUNCTION = "GET /functions/greet/1.0.0/function.yaml"


def test_check_looks_inside_what_it_fetches(
    tendril: Any, platform: Any, flow: Path, tmp_path: Path
) -> None:
    """With --fetch a mistake of a function is shown where the flow refers to it."""
    flow.write_text(CATALOGED.replace("ROOT", platform.url))
    near = {"TENDRIL_EGRESS_ALLOW": "127.0.0.0/8", "TENDRIL_DATA": str(tmp_path / "none")}
    platform.answer(FUNCTION, {"set": {"text": "${ .name + }"}})
    assert tendril("check", flow.name, **near).returncode == 0
    assert platform.requests == []
    done = tendril("check", flow.name, "--fetch", **near)
    assert done.returncode == 2
    assert done.stderr.startswith("hello.yaml:5:13: 'call' of task 'greet': ")
    assert "the expression does not compile" in done.stderr
    platform.answer(FUNCTION, {"set": {"text": "${ .name }"}})
    assert tendril("check", flow.name, "--fetch", **near).returncode == 0
    platform.answers.clear()
    assert "answered 404" in tendril("check", flow.name, "--fetch", **near).stderr
    refused = tendril("check", flow.name, "--fetch")
    assert (refused.returncode, "TENDRIL_EGRESS_ALLOW" in refused.stderr) == (2, True)
    assert not (tmp_path / "none").exists()


def test_show_draws_a_flow(tendril: Any, flow: Path) -> None:
    """The diagram is Mermaid and names the tasks."""
    done = tendril("show", flow.name)
    assert done.returncode == 0
    assert done.stdout.startswith(("flowchart", "graph"))
    assert "greet" in done.stdout
    assert "greet" in json.loads(tendril("show", flow.name, "--json").stdout)["mermaid"]


def test_deploy_puts_checked_flows_on_the_platform(tendril: Any, platform: Any, flow: Path) -> None:
    """The text goes over as it is written."""
    platform.answer(DEPLOY, DEPLOYED, status=201)
    done = tendril("deploy", flow.name, "--json")
    assert json.loads(done.stdout) == {"flows": [DEPLOYED]}
    assert platform.asked(DEPLOY)[0]["body"].decode() == GOOD
    assert "demo/hello:1.0.0" in tendril("deploy", flow.name).stdout


def test_deploy_sends_nothing_when_one_file_is_wrong(
    tendril: Any, platform: Any, flow: Path, tmp_path: Path
) -> None:
    """All files are checked before the first one is deployed."""
    (tmp_path / "bad.yaml").write_text(GOOD.replace("set:", "sett:"))
    done = tendril("deploy", flow.name, "bad.yaml")
    assert done.returncode == 2
    assert "bad.yaml:8:7: " in done.stderr
    assert platform.requests == []


def test_deploy_passes_on_what_the_platform_finds(tendril: Any, platform: Any, flow: Path) -> None:
    """Positions from the platform name the file too; a conflict is the caller's mistake."""
    errors = [{"line": 7, "column": 5, "message": "no"}]
    problem = {"title": "The flow is wrong", "status": 400, "errors": errors}
    platform.answer(DEPLOY, problem, status=400)
    done = tendril("deploy", flow.name)
    assert (done.returncode, done.stderr) == (2, "hello.yaml:7:5: no\n")
    platform.answer(DEPLOY, {"title": "Exists", "status": 409, "detail": "other"}, status=409)
    assert tendril("deploy", flow.name).returncode == 2


def test_run_takes_a_file(tendril: Any, platform: Any, flow: Path) -> None:
    """A file is checked, deployed and run on the platform that is up."""
    platform.answer(DEPLOY, DEPLOYED, status=201)
    run = {"id": "r1", "flow": "demo/hello:1.0.0", "status": "completed", "output": {"a": 1}}
    platform.answer("POST /services/flow/flows/demo/hello/runs", run)
    done = tendril("run", flow.name, "--json")
    assert (done.returncode, done.stdout) == (0, '{"a":1}\n')
    asked = [each["request"] for each in platform.requests]
    assert asked == ["GET /healthz", DEPLOY, "POST /services/flow/flows/demo/hello/runs"]
    flow.write_text(GOOD.replace("set:", "sett:"))
    assert tendril("run", flow.name).returncode == 2


def test_run_of_a_file_does_not_replace_a_platform_that_was_named(
    tendril: Any, flow: Path, closed_url: str
) -> None:
    """TENDRIL_URL names where to run; when nothing answers there, that is exit code 5."""
    assert tendril("run", flow.name, TENDRIL_URL=closed_url).returncode == 5


@pytest.mark.parametrize("name", ["answer.yaml", "hello.yaml", "ingest.yaml", "refund.yaml"])
def test_the_examples_have_no_mistakes(tendril: Any, name: str) -> None:
    """Every flow that ships passes `tendril check`."""
    done = tendril("check", str(ROOT / "examples" / name))
    assert (done.returncode, done.stderr) == (0, "")


def test_flows_are_listed(tendril: Any, platform: Any) -> None:
    """For people a table, for programs what the platform said; none at all is no mistake."""
    told = {"flows": [{**DEPLOYED, "title": "Hello", "deployedAt": "2026-01-01T00:00:00.000Z"}]}
    platform.answer("GET /services/flow/flows", told)
    done = tendril("flows")
    assert done.returncode == 0
    for shown in ("demo/hello:1.0.0", "Hello", "2026-01-01T00:00:00.000Z", "sha256:00"):
        assert shown in done.stdout
    assert json.loads(tendril("flows", "--json").stdout) == told
    platform.answer("GET /services/flow/flows", {"flows": []})
    none = tendril("flows")
    assert (none.returncode, none.stdout, none.stderr) == (0, "", "no flows\n")
