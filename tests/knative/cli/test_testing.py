"""`tendril test`: cases are played without a platform; what fails is told, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.flow.expressions import resolve
from events.flow.rehearsal.recording import Asked
from events.flow.rehearsal.script import Tape, read_tape
from events.source import read
from functions.host.jq import JqPool
from knative.cli.testing.asking import literal
from knative.cli.testing.taping import Taping, write

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = Path(__file__).parents[3] / "examples"
FLOW = """
document: {dsl: '1.0.3', namespace: t, name: ask, version: '1.0.0'}
do:
  - ask: {call: llm, with: {prompt: '${ .q }'}, output: {as: '{text}'}}
"""
TEST = """
flow: ask.yaml
cases:
  - {name: known, input: {q: one}, expect: {output: {text: eins}}}
  - {name: new, input: {q: two}, expect: {output: {text: zwei}}}
"""
TAPE = """
answers:
  - {call: 'llm:1', input: {prompt: one}, answers: [{output: {text: eins}}]}
"""
FUNCTION_RUN = {"id": "r1", "status": "completed", "output": {"output": {"text": "zwei"}}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with a flow, its test and its recording."""
    (tmp_path / "ask.yaml").write_text(FLOW)
    (tmp_path / "ask.test.yaml").write_text(TEST)
    (tmp_path / "ask.test.recording.yaml").write_text(TAPE)
    return tmp_path


def test_the_examples_pass(tendril: Any, platform: Any) -> None:
    """The shipped examples' tests pass on their recordings, without any platform."""
    done = tendril("test", str(EXAMPLES))
    assert done.returncode == 0, done.stdout
    assert "9 of 9 cases passed" in done.stderr
    assert platform.requests == []


def test_a_miss_fails_loudly(tendril: Any, folder: Path) -> None:
    """A request without an answer is shown, with what is near it and how to record it."""
    done = tendril("test", cwd=folder)
    assert done.returncode == 3
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert lines[:3] == ["ask.test.yaml", "ok    known", "FAIL  new"]
    assert "/do/0/ask asked llm:1, and no answer to this is recorded:" in lines
    assert '/prompt: recorded "one", asked "two"' in lines
    assert "record it: tendril test --record ask.test.yaml -k 'new'" in lines


def test_what_lies_elsewhere_is_played_too(tendril: Any, platform: Any, folder: Path) -> None:
    """With --fetch the functions of a catalog are played; a deployed flow has its own."""
    head = "document: {dsl: '1.0.3', namespace: t, name: ask, version: '1.0.0'}"
    catalogs = f"use: {{catalogs: {{near: {{endpoint: '{platform.url}'}}}}}}"
    flow = (
        f"{head}\n{catalogs}\ndo: [{{ask: {{call: short:1.0.0@near, with: {{q: '${{ .q }}'}}}}}}]"
    )
    function = {"call": "llm", "with": {"prompt": "${ .q }"}, "output": {"as": "{text}"}}
    (folder / "ask.yaml").write_text(flow)
    platform.answer("GET /functions/short/1.0.0/function.yaml", function)
    near = {"TENDRIL_EGRESS_ALLOW": "127.0.0.0/8"}
    done = tendril("test", "--fetch", "-k", "known", cwd=folder, **near)
    assert (done.returncode, "ok    known" in done.stdout) == (0, True), done.stderr
    done = tendril("test", "-k", "known", cwd=folder, **near)
    assert (done.returncode, "--fetch it to play the flow" in done.stderr) == (2, True)
    imports = {"functions": {"short:1.0.0@near": function}}
    shown = {"source": flow, "imports": imports}
    platform.answer("GET /services/flow/flows/t/ask", shown)
    (folder / "ask.test.yaml").write_text(TEST.replace("ask.yaml", "t/ask:1.0.0"))
    assert tendril("test", "-k", "known", cwd=folder).returncode == 0


def test_programs_read_json(tendril: Any, folder: Path) -> None:
    """`--json` tells every case, and what was asked where an answer is missing."""
    done = tendril("test", "--json", cwd=folder)
    told = json.loads(done.stdout)
    assert (done.returncode, told["passed"], told["failed"]) == (3, 1, 1)
    assert told["cases"][1]["missing"]["input"] == {"prompt": "two"}


def test_cases_are_chosen_by_name(tendril: Any, folder: Path) -> None:
    """`-k` plays the cases with that text in their name; none of them is bad usage."""
    assert tendril("test", "-k", "kno", cwd=folder).returncode == 0
    assert tendril("test", "-k", "nobody", cwd=folder).returncode == 2


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("ask.test.yaml", "flow: ask.yaml\ncase: []", "ask.test.yaml:2:1: unknown property"),
        ("ask.test.yaml", "flow: none.yaml\ncases: [{name: a}]", "none.yaml: cannot be read"),
        ("ask.test.yaml", TEST + "recording: gone.yaml", "gone.yaml: cannot be read"),
        ("ask.yaml", FLOW.replace("llm", "lm"), "ask.yaml:4:11: 'call' of task 'ask'"),
        ("ask.test.recording.yaml", "answers: {}", "ask.test.recording.yaml:1:1: 'answers'"),
    ],
)
def test_bad_files_are_refused(tendril: Any, folder: Path, file: str, text: str, told: str) -> None:
    """What cannot be played is bad usage, with file, line and column; nothing is played."""
    (folder / file).write_text(text)
    done = tendril("test", cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr


def test_where_there_is_nothing_to_test(tendril: Any, tmp_path: Path) -> None:
    """A folder without test files is bad usage, not a success."""
    done = tendril("test", cwd=tmp_path)
    assert done.returncode == 2
    assert "*.test.yaml" in done.stderr


def test_recording_asks_the_tools(tendril: Any, platform: Any, folder: Path) -> None:
    """`--record` asks for the chosen cases alone, keeps the others' answers, and is repeatable."""
    deployed = {"namespace": "tendril-test", "name": "llm", "version": "1.0.0", "digest": "d"}
    platform.answer("POST /services/flow/flows", deployed)
    platform.answer("POST /services/flow/flows/tendril-test/llm/runs", FUNCTION_RUN)
    assert tendril("test", "--record", "-k", "new", cwd=folder).returncode == 0
    sent = json.loads(platform.asked("POST /services/flow/flows")[0]["body"])
    call = sent["do"][0]["ask"]["try"][0]["call"]
    assert (call["call"], call["with"]) == ("llm:1", {"prompt": '${ .["prompt"] }'})
    began = platform.asked("POST /services/flow/flows/tendril-test/llm/runs")
    assert json.loads(began[0]["body"]) == {"prompt": "two"}
    assert len(platform.asked("POST /services/flow/flows")) == 1
    first = (folder / "ask.test.recording.yaml").read_text()
    assert tendril("test", cwd=folder).returncode == 0
    assert tendril("test", "--record", "-k", "new", cwd=folder).returncode == 0
    assert (folder / "ask.test.recording.yaml").read_text() == first


def test_a_run_that_goes_on_is_no_test(tendril: Any, platform: Any, folder: Path) -> None:
    """Only a run that completed or faulted becomes a test, and no file is overwritten."""
    platform.answer("GET /services/flow/runs/r1", {"id": "r1", "status": "running"})
    done = tendril("test", "--from-run", "r1", cwd=folder)
    assert done.returncode == 2
    assert "r1 is running" in done.stderr


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False,
    allow_infinity=False) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(value=values)
def test_what_is_written_is_read_again(value: Any, tmp_path_factory: Any) -> None:
    """A recording gives back exactly what was recorded, whatever it is."""
    file = tmp_path_factory.getbasetemp() / "written.yaml"
    write(file, {"value": value}, "comment")
    assert read(file.read_text("utf-8")).value == {"value": value}


@pytest.fixture(scope="module")
def jq() -> Iterator[JqPool]:
    """Give an evaluator."""
    pool = JqPool()
    yield pool
    pool.close()


@given(value=values)
def test_a_request_is_sent_as_it_is(value: Any, jq: Any) -> None:
    """No string of a rendered request is taken for an expression again."""
    assert resolve(literal(value), lambda text: jq(text, None, {})) == value


def test_answers_that_differ_between_cases_are_kept_apart() -> None:
    """Cases that were answered alike share an entry; another's own one names it."""
    taping = Taping(read_tape("answers: []", "r"))
    asked = Asked("llm:1", {"prompt": "p"})
    for case, text in (("a", "x"), ("b", "x"), ("c", "y")):
        taping.add(asked, case, {"output": text})
    entries = taping.entries()
    assert [each.get("case") for each in entries] == [None, "c"]
    assert Tape.model_validate({"answers": entries}).answers[1].answers[0].output == "y"
