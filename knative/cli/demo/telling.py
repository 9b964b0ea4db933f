"""What the demo says while it goes on: lines for people, or JSON lines for programs."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import typer

from knative.cli.console import emit
from knative.cli.measures import milliseconds
from knative.cli.trail import REQUESTED, Hop

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(slots=True)
class Teller:
    """Says each thing as it happens; several threads may tell at once."""

    json: bool = False
    clock: Callable[[], float] = time.monotonic
    _began: float = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._began = self.clock()

    def heading(self, text: str) -> None:
        """Begin a part of the story."""
        self._say("step", {"text": text}, "\n" + typer.style(text, bold=True))

    def remark(self, text: str, **members: Any) -> None:
        """Say one thing; `members` are for programs."""
        self._say("note", {"text": text, **members}, text)

    def hop(self, subject: str, hop: Hop) -> None:
        """Say that a hop of the run about `subject` ended."""
        event = "task.requested" if hop.event == REQUESTED else hop.event
        worked = milliseconds(hop.work_ms)
        what = f"{event:<14} -> {hop.tool}" if hop.tool else event
        line = f"{subject:<22.22} {what:<34} {hop.temperature:<5} {worked:>7}  {hop.outcome}"
        shown = f"{line}: {hop.error}" if hop.error else line
        self._say("hop", {"subject": subject, **hop.to_json()}, shown.rstrip())

    def result(self, kind: str, value: dict[str, Any], lines: list[str]) -> None:
        """Say a result: a value for programs, lines for people."""
        self._say(kind, value, "\n".join(lines))

    def seconds(self) -> float:
        """Return the time since the story began."""
        return round(self.clock() - self._began, 3)

    def _say(self, kind: str, members: dict[str, Any], text: str) -> None:
        with self._lock:
            if self.json:
                emit({"kind": kind, "after": self.seconds(), **members}, compact=True)
            elif text.startswith("\n"):
                typer.echo(text)
            else:
                stamp = f"{self.seconds():6.1f} s  "
                typer.echo("\n".join(stamp + line for line in text.splitlines()))
