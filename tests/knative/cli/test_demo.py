"""The demo's story told against a platform that answers as the real one does."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from knative.cli.client import Platform
from knative.cli.demo import documents
from knative.cli.demo.documents import INLINE, Document, Repair
from knative.cli.demo.story import Stage
from knative.cli.demo.telling import Teller
from knative.cli.demo.watching import Watcher
from knative.cli.exits import CommandError, UsageError
from knative.cli.trail import REQUESTED, Hop

EXAMPLES = Path(__file__).parents[3] / "examples"
RUNS = "GET /services/flow/runs"
AT = "2026-01-01T00:00:00Z"


@pytest.fixture
def stage(platform: Any) -> Stage:
    """Give a stage whose teller speaks JSON."""
    there, teller = Platform(platform.url), Teller(json=True)
    return Stage(there, teller, Watcher(there, teller, patience=5.0), EXAMPLES)


def _entry(seq: int, kind: str, **detail: Any) -> dict[str, Any]:
    place = {"task": "/do/0/store", "instance": "/do/0/store#1"}
    return {"seq": seq, "at": AT, "kind": kind, **place, "detail": detail}


def _history(end: str, seq: int = 1) -> list[dict[str, Any]]:
    ended = {"workMs": 5, "tool": "text-collection", "problem": {"title": "Validation"}}
    if end == "completed":
        del ended["problem"]
    return [
        _entry(seq, "task.claimed", cold=seq == 1, attempt=1, queuedMs=1),
        _entry(seq + 1, f"task.{end}", **ended),
        _entry(seq + 2, f"run.{end}"),
    ]


def _told(capsys: pytest.CaptureFixture[str], kind: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [line for line in lines if line["kind"] == kind]


def _runs_of_sent_events(platform: Any) -> None:
    """Let every event that was sent have started a run, named after the event's subject."""

    def listed() -> dict[str, Any]:
        sent = [json.loads(each["body"]) for each in platform.asked("POST /default/default")]
        return {"runs": [{"id": event["subject"], "input": [event]} for event in sent]}

    platform.answer("POST /default/default", None, status=202)
    platform.answer(RUNS, listed)


def test_ingest_announces_every_document_and_tells_its_hops(
    stage: Stage, platform: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """One event a document, its content in base64, and a line for each hop."""
    _runs_of_sent_events(platform)
    for name in ("a.md", "b.md"):
        platform.answer(f"{RUNS}/{name}/events", _history("completed"))
        platform.answer(f"{RUNS}/{name}", {"id": name, "status": "completed", "output": {}})
    ended = stage.ingest([Document("a.md", b"one"), Document("b.md", b"two")])
    assert {run["id"] for run in ended} == {"a.md", "b.md"}
    sent = [json.loads(each["body"]) for each in platform.asked("POST /default/default")]
    assert [base64.b64decode(event["data"]["data"]) for event in sent] == [b"one", b"two"]
    hops = _told(capsys, "hop")
    assert {hop["subject"] for hop in hops} == {"a.md", "b.md"}
    assert all(hop["tool"] == "text-collection" and hop["cold"] for hop in hops)
    assert all(hop["workMs"] == 5 for hop in hops)


def test_the_question_goes_by_webhook_and_its_answer_has_sources(
    stage: Stage, platform: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run that the hook's event started is followed to its output."""
    hook = "POST /services/webhook/hooks/question"
    platform.answer(hook, {"id": "e1", "type": "t", "source": "s"}, status=202)
    platform.answer(RUNS, {"runs": []}, {"runs": [{"id": "r1", "input": [{"id": "e1"}]}]})
    platform.answer(f"{RUNS}/r1/events", _history("completed"))
    source = {"title": "T", "source": "t.md", "position": {"start": 0, "end": 9}}
    output = {"answer": "25 days", "sources": [source]}
    platform.answer(f"{RUNS}/r1", {"id": "r1", "status": "completed", "output": output})
    assert stage.ask("How many?") == output
    assert json.loads(platform.asked(hook)[0]["body"]) == {"question": "How many?"}
    (answer,) = _told(capsys, "answer")
    assert (answer["answer"], answer["sources"]) == ("25 days", [source])


def test_an_answer_that_faults_ends_the_demo_with_its_problem(stage: Stage, platform: Any) -> None:
    """A faulted run is exit code 3 with the run's problem, its id, and where to look."""
    platform.answer("POST /services/webhook/hooks/question", {"id": "e1"}, status=202)
    platform.answer(RUNS, {"runs": [{"id": "r1", "input": [{"id": "e1"}]}]})
    platform.answer(f"{RUNS}/r1/events", _history("faulted"))
    platform.answer(f"{RUNS}/r1", {"id": "r1", "status": "faulted", "error": {"title": "No"}})
    with pytest.raises(CommandError) as raised:
        stage.ask("How many?")
    assert raised.value.code == 3
    assert raised.value.problem is not None
    assert raised.value.problem.items() >= {"title": "No", "run": "r1"}.items()
    assert "tendril up --data" in raised.value.problem["hint"]


def test_a_broken_document_is_redriven_with_the_whole_one(
    stage: Stage, platform: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its run faults, its dead letter is shown, and the redrive carries the mended content."""
    _runs_of_sent_events(platform)
    letters = "/services/flow/deadletters"
    letter = {"id": "d1", "run": "x.pdf", "reason": "not a PDF", "tool": "text-collection"}
    event = {"data": {"operation": "ingest", "collection": "c", "document": {}}}
    platform.answer(f"{RUNS}/x.pdf/events", _history("faulted"), _history("completed", 4))
    faulted = {"id": "x.pdf", "status": "faulted", "error": {"title": "Validation"}}
    platform.answer(f"{RUNS}/x.pdf", faulted, {**faulted, "status": "completed"})
    platform.answer(f"GET {letters}", {"deadletters": []}, {"deadletters": [letter]})
    platform.answer(f"GET {letters}/d1", {**letter, "event": event})
    platform.answer(f"POST {letters}/d1/redrive", {"id": "d1", "run": "x.pdf"}, status=202)
    stage.repair(Repair(Document("x.pdf", b"half"), Document("x.pdf", b"whole")))
    redriven = json.loads(platform.asked(f"POST {letters}/d1/redrive")[0]["body"])["input"]
    assert (redriven["operation"], redriven["collection"]) == ("ingest", "c")
    assert base64.b64decode(redriven["document"]["data"]) == b"whole"
    followed = platform.asked(f"{RUNS}/x.pdf/events")
    assert followed[1]["headers"]["last-event-id"] == "3"
    assert [hop["outcome"] for hop in _told(capsys, "hop")] == ["faulted", "completed"]


def test_documents_are_found_with_their_paths(tmp_path: Path) -> None:
    """Folders under the folder count; files of other kinds do not."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.TXT").write_text("b")
    (tmp_path / "a.md").write_text("a")
    (tmp_path / "README.md").write_text("c")
    (tmp_path / "c.bin").write_bytes(b"c")
    assert [each.id for each in documents.read(tmp_path)] == ["README.md", "a.md", "sub/b.TXT"]


def test_folders_without_documents_are_refused(tmp_path: Path) -> None:
    """A folder that is missing, or has nothing to read, is bad usage."""
    for folder in (tmp_path, tmp_path / "gone"):
        with pytest.raises(UsageError):
            documents.read(folder)


def test_large_documents_go_by_the_object_store(tmp_path: Path) -> None:
    """What is too large for an event lies where the event's `object` says."""
    large = Document("big.txt", b"x" * (INLINE + 1))
    documents.store_large([large, Document("small.txt", b"x")], tmp_path)
    payload = large.payload()
    assert "data" not in payload
    assert (tmp_path / "objects" / payload["object"]).read_bytes() == large.content
    assert len(list((tmp_path / "objects").rglob("*.txt"))) == 1


def test_the_demo_has_a_document_to_repair() -> None:
    """The broken document and its repair ship with the examples and differ."""
    pair = documents.repair(EXAMPLES / "documents-broken")
    assert pair.broken.id == pair.whole.id
    assert pair.broken.content != pair.whole.content


@pytest.mark.parametrize(
    "arguments",
    [
        ("--documents", "."),
        ("--documents", "gone", "--question", "q"),
        ("--data", "taken"),
    ],
)
def test_bad_usage_of_the_demo_starts_nothing(
    tendril: Any, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """A question goes with documents, and the data folder must be new."""
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    done = tendril("demo", *arguments)
    assert (done.returncode, done.stdout) == (2, "")


def test_people_get_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Without --json each thing told is a line with the time since the start."""
    teller = Teller(clock=lambda: 1.0)
    teller.remark("hello")
    assert capsys.readouterr().out == "   0.0 s  hello\n"


def test_people_see_each_hop_on_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Document, event, tool, cold or warm, milliseconds, outcome; and why it failed."""
    teller = Teller(clock=lambda: 1.0)
    done = Hop("/do/0/store", "/do/0/store#1", REQUESTED, AT, tool="text-collection")
    teller.hop("leave.md", replace(done, cold=True, work_ms=1234.0, outcome="completed"))
    problem = {"title": "Validation", "detail": "not a PDF"}
    teller.hop("x.pdf", replace(done, cold=False, work_ms=5, outcome="faulted", problem=problem))
    first, second = (" ".join(line.split()) for line in capsys.readouterr().out.splitlines())
    hop = "task.requested -> text-collection"
    assert first == f"0.0 s leave.md {hop} cold 1.2 s completed"
    assert second == f"0.0 s x.pdf {hop} warm 5 ms faulted: not a PDF"
