"""Recorded answers by the request that they answer, and what to say where there is none.

A request is its function, the major version of it, and its input: other patch levels of a
function give the same answers as far as a flow is concerned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from events.flow.advance.pointers import name_of
from events.flow.late import rendered
from events.flow.rehearsal.differences import differences
from events.vocabulary import digest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from events.flow.catalog import Catalog
    from events.flow.effects import TaskRequest
    from events.flow.rehearsal.script import Case, Given, Recorded, Tape
    from events.flow.rehearsal.stage import Answer

Json = Any


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as a recording knows it."""

    call: str
    """The function with its major version: `llm:1`."""
    input: Json
    reference: str = ""
    """The task that asked."""
    secret: bool = False
    """Whether its host would have put secrets into it."""

    @property
    def key(self) -> tuple[str, str]:
        """What makes two requests the same."""
        return self.call, digest(self.input)


class MissingAnswer(LookupError):  # noqa: N818 - it reads as what happened
    """No answer is recorded for a request; `nearest` is the recorded one most like it."""

    def __init__(self, asked: Asked, nearest: Recorded | None) -> None:
        super().__init__(f"{asked.reference} asked {asked.call} what is not recorded")
        self.asked, self.nearest = asked, nearest


def asked(request: TaskRequest, catalog: Catalog) -> Asked:
    """Return a request as a recording knows it."""
    version = f":{request.version}" if request.version else ""
    function = catalog.resolve(f"{request.function}{version}")
    major = function.version.split(".", 1)[0]
    secret = request.late is not None
    given = rendered(request.payload())
    return Asked(f"{function.name}:{major}", given, request.reference, secret)


class Recording:
    """The answers of a recording file."""

    def __init__(self, tape: Tape) -> None:
        self.entries = tape.answers
        self._known = {(*_key(each), each.case): each for each in tape.answers}

    def find(self, request: Asked, case: str) -> Recorded | None:
        """Return the entry for a request, one for this case before one for all."""
        return self._known.get((*request.key, case)) or self._known.get((*request.key, None))

    def nearest(self, request: Asked) -> Recorded | None:
        """Return the entry of the same function whose input differs in the fewest places."""
        name = request.call.partition(":")[0]
        alike = [each for each in self.entries if each.call.partition(":")[0] == name]
        return min(alike, key=lambda each: _distance(each, request), default=None)


class Prompter:
    """Answers what one case's tasks ask: from its own answers, else from the recording."""

    def __init__(
        self,
        case: Case,
        recording: Recording,
        catalog: Catalog,
        otherwise: Callable[[Asked], Answer] | None = None,
    ) -> None:
        """Begin a case; `otherwise` answers what no answer is there for."""
        self._case, self._recording, self._catalog = case, recording, catalog
        self._otherwise = otherwise
        self._given: dict[object, int] = {}

    def __call__(self, request: TaskRequest) -> Answer:
        """Return the answer to a request; raise MissingAnswer where there is none."""
        own = self.own(request.reference)
        if own is not None:
            return own
        question = asked(request, self._catalog)
        entry = self._recording.find(question, self._case.name)
        if entry is not None:
            return self._next(question.key, entry.answers)
        if self._otherwise is not None:
            return self._otherwise(question)
        raise MissingAnswer(question, self._recording.nearest(question))

    def own(self, reference: str) -> Answer | None:
        """Return the case's own answer to a task, whatever it asks; None where it has none."""
        names = {reference, name_of(reference)}
        stubs = [each for each in self._case.answers or () if each.task in names]
        return self._next(reference, stubs) if stubs else None

    def _next(self, key: object, answers: Sequence[Given]) -> Answer:
        count = self._given[key] = self._given.get(key, 0) + 1
        return answers[min(count, len(answers)) - 1].answer()


def _key(entry: Recorded) -> tuple[str, str]:
    return entry.call, digest(entry.input)


def _distance(entry: Recorded, request: Asked) -> tuple[int, bool]:
    return sum(1 for _ in differences(entry.input, request.input)), entry.call != request.call
