"""The demo's story, part by part; every part only talks to the platform over HTTP."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from knative.cli.demo.documents import ADDED, Document, Repair
from knative.cli.flows import put
from knative.cli.letters import LETTERS, resend
from knative.cli.runs import failed
from knative.cli.send import post
from knative.cli.values import read_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from knative.cli.client import Platform
    from knative.cli.demo.telling import Teller
    from knative.cli.demo.watching import Watcher

INGEST: Final = "examples/ingest"
ANSWER: Final = "examples/answer"
SOURCE: Final = "/demo/documents"
LOOK: Final = "start `tendril up --data FOLDER` on the demo's data and see `tendril trace RUN`"


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the story plays."""

    platform: Platform
    teller: Teller
    watcher: Watcher
    examples: Path

    def deploy(self) -> None:
        """Put the two flows on the platform."""
        self.teller.heading("Two flows go onto the platform")
        for name in ("ingest.yaml", "answer.yaml"):
            file = self.examples / name
            flow = put(self.platform, read_file(file), str(file))
            named = f"{flow['namespace']}/{flow['name']}:{flow['version']}"
            self.teller.remark(f"{named} ({file})", flow=named, digest=flow["digest"])

    def ingest(self, documents: Sequence[Document]) -> list[dict[str, Any]]:
        """Announce every document by an event; return the runs that this started."""
        self.teller.heading(f"An event for each of {len(documents)} documents")
        subjects = {self.announce(document): document.id for document in documents}
        runs = self.watcher.runs_of(INGEST, subjects)
        return self.watcher.follow_all({runs[event]: about for event, about in subjects.items()})

    def announce(self, document: Document) -> str:
        """Send the event that a document is there; return the event's id."""
        from events.envelope import create  # lazy: the CloudEvents SDK

        identity = str(uuid.uuid4())
        event = create(
            id=identity, source=SOURCE, type=ADDED, subject=document.id, data=document.payload()
        )
        post(self.platform, event)
        return identity

    def ask(self, question: str) -> dict[str, Any]:
        """Ask by webhook; return the flow's output: the answer and its sources."""
        self.teller.heading(f"A question, by webhook: {question}")
        body, headers = (
            json.dumps({"question": question}).encode(),
            {"webhook-id": str(uuid.uuid4())},
        )
        event = self.platform.post("/services/webhook/hooks/question", body, headers).json()["id"]
        run = self.watcher.runs_of(ANSWER, [event])[event]
        ended = self.watcher.follow(run, "question")
        if ended["status"] != "completed":
            raise failed(ended, LOOK)
        output: dict[str, Any] = ended["output"]
        self.teller.result("answer", {"question": question, **output}, _answer_lines(output))
        return output

    def repair(self, repair: Repair) -> dict[str, Any]:
        """Show what becomes of a document that cannot be read; return its run in the end."""
        about = repair.broken.id
        self.teller.heading(f"A document that cannot be read: {about}")
        event = self.announce(repair.broken)
        run = self.watcher.runs_of(INGEST, [event])[event]
        self.watcher.follow(run, about)
        letter = self._letter_of(run)
        self.teller.result("dead-letter", letter, _letter_lines(letter))
        self.teller.heading("The repair: the dead letter is redriven with the mended document")
        resend(self.platform, letter["id"], {"input": _repaired(letter, repair.whole)})
        ended = self.watcher.follow(run, about)
        if ended["status"] != "completed":
            raise failed(ended, LOOK)
        self.teller.remark(f"run {run} completed", run=run)
        return ended

    def _letter_of(self, run: str) -> dict[str, Any]:
        found: list[dict[str, Any]] = []

        def look() -> bool:
            listed = self.platform.get(LETTERS, flow=INGEST, status="open", limit=500)
            found.extend(each for each in listed["deadletters"] if each.get("run") == run)
            return bool(found)

        self.watcher.until(look, f"run {run} has no dead letter")
        letter: dict[str, Any] = self.platform.get(f"{LETTERS}/{found[0]['id']}")
        return letter


def _repaired(letter: dict[str, Any], document: Document) -> dict[str, Any]:
    """Return the failed task's input with the whole document in place of the half one."""
    data = letter["event"].get("data")
    return {**(data if isinstance(data, dict) else {}), "document": document.payload()}


def _letter_lines(letter: dict[str, Any]) -> list[str]:
    where = f"{letter.get('tool')} at {letter.get('task')} of run {letter.get('run')}"
    return [f"dead letter {letter['id']}: {where}", f"because: {letter.get('reason')}"]


def _answer_lines(output: dict[str, Any]) -> list[str]:
    lines = [f"answer: {output.get('answer')}"]
    for number, source in enumerate(output.get("sources") or (), start=1):
        shown = f"{source.get('title')} ({source.get('source')})"
        place = source.get("position") or {}
        at = f", characters {place['start']}-{place['end']}" if "start" in place else ""
        lines.append(f"source {number}: {shown}{at}")
    return lines
