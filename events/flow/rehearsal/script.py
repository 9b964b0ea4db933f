"""What a test file says, and a recording: strict models, and their text read with positions.

A case gives what the run begins with and what it meets on its way, and says under `expect` what
must come of it. What is not said is not compared, except that a run must complete where no error
is expected.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Final, TypeVar

from pydantic import AfterValidator, Field, ValidationError

from events.errors import Problem
from events.flow.advance import durations
from events.flow.explain import explain
from events.flow.expressions import is_expression
from events.flow.finding import Finding, FlowError
from events.flow.rehearsal.stage import BEGAN, Answer
from events.flow.syntax.duration import Duration
from events.flow.syntax.node import Fault, JsonMap, Maybe, Node, rule
from events.flow.syntax.text import Flag, Integer, NonEmpty
from events.source import SourceError, read

M = TypeVar("M", bound=Node)
_ENDS: Final = ("output", "error", "never")
_CALL: Final = re.compile(r"[^\s:@]+:[0-9]+")
_OF_OUTPUT: Final = ("output", "schema", "conditions")


def _moment(text: str) -> str:
    try:
        aware = datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        aware = False
    if not aware:
        raise rule(f"'{text}' is malformed; expected a time with its zone: 2026-01-31T08:00:00Z")
    return text


def _plain(duration: Any) -> Any:
    if is_expression(duration):
        raise rule("expected a duration; an expression has nothing here that it could be about")
    return duration


Moment = Annotated[str, AfterValidator(_moment)]
Span = Annotated[Duration, AfterValidator(_plain)]


class ProblemGiven(Node):
    """An error, as a tool ends with it or as a run is expected to: RFC 7807, or a part of it."""

    type: Maybe[str] = None
    status: Maybe[Integer] = None
    title: Maybe[str] = None
    detail: Maybe[str] = None
    instance: Maybe[str] = None


class Given(Node):
    """One answer of a tool: an output, an error, or none ever; exactly one of them."""

    one_of: ClassVar[tuple[str, ...]] = _ENDS
    output: Any = None
    error: Maybe[ProblemGiven] = None
    never: Maybe[bool] = None
    takes: Maybe[Span] = None
    """The virtual time until the answer comes; none where it is not said."""

    def answer(self) -> Answer:
        """Return it as the stage takes it."""
        problem = None if self.error is None else Problem.from_json(self.error.definition())
        return Answer(self.output, problem, span(self.takes), never=bool(self.never))


class Stub(Given):
    """An answer that a case gives a task, whatever the task asks."""

    task: NonEmpty
    """The task's name or its reference. Several answers for one task are given in their order,
    the last of them again and again."""
    by: Maybe[NonEmpty] = None
    """Who gives it, where people are asked; without an answer nobody does."""

    def answer(self) -> Answer:
        """Return it as the stage takes it."""
        return replace(super().answer(), by=self.by)


class Injected(Node):
    """An event that the case sends at a virtual time, counted from the run's beginning."""

    event: JsonMap
    """Its attributes and `data`."""
    at: Maybe[Span] = None
    heard: Maybe[Flag] = None
    """Whether it must start the flow or be consumed by a task that listens; true by default."""

    @classmethod
    def rules(cls, value: JsonMap) -> Iterator[Fault]:
        """Ask for the one attribute that says what kind of event this is."""
        event = value.get("event")
        if isinstance(event, dict) and not isinstance(event.get("type"), str):
            yield ("event",), "the event needs a type, a string"


class Expected(Node):
    """What must come of a case."""

    output: Any = None
    schema_: Maybe[JsonMap] = None
    conditions: Maybe[tuple[NonEmpty, ...]] = None
    """jq programs that must hold on the output."""
    error: Maybe[ProblemGiven] = None
    events: Maybe[tuple[JsonMap, ...]] = None
    """What the flow emits, in order; of each event the members that are named."""
    path: Maybe[tuple[NonEmpty, ...]] = None
    """The tasks that are done, by name or reference; branches of a fork in any order."""
    took: Maybe[Span] = None
    """The virtual time from beginning to end."""

    @classmethod
    def rules(cls, value: JsonMap) -> Iterator[Fault]:
        """Refuse expecting both an error and an output."""
        for name in _OF_OUTPUT:
            if "error" in value and name in value:
                yield (name,), "a run that ends in an error has no output"


class Case(Node):
    """One run to rehearse."""

    name: NonEmpty
    input: Any = Field(default_factory=dict)
    events: Maybe[tuple[Injected, ...]] = None
    answers: Maybe[tuple[Stub, ...]] = None
    run: Maybe[NonEmpty] = None
    """The run's id, where expressions use it."""
    started: Maybe[Moment] = None
    """When the run begins, where expressions use the time."""
    expect: Expected = Field(default_factory=Expected)

    @property
    def began(self) -> datetime:
        """When the run begins."""
        return datetime.fromisoformat(self.started) if self.started else BEGAN


class Script(Node):
    """A test file."""

    flow: NonEmpty
    """A flow file, by its path from the test file; or `namespace/name:version`, deployed."""
    flows: Maybe[tuple[NonEmpty, ...]] = None
    """Likewise the flows that it runs, which are played with it."""
    recording: Maybe[NonEmpty] = None
    """The file with the recorded answers, by its path from the test file."""
    cases: tuple[Case, ...]

    @classmethod
    def rules(cls, value: JsonMap) -> Iterator[Fault]:
        """Ask for cases, and for names that tell them apart."""
        cases = value.get("cases")
        if cases == []:
            yield ("cases",), "expected at least one case"
        names = [each.get("name") for each in cases or () if isinstance(each, dict)]
        for index, name in enumerate(names):
            if name is not None and name in names[:index]:
                yield ("cases", index, "name"), f"another case is called '{name}' already"


class Recorded(Node):
    """What a function answered to one request."""

    call: NonEmpty
    """The function with its major version: `llm:1`."""
    input: Any
    case: Maybe[NonEmpty] = None
    """The one case that it is for, where another was answered differently."""
    answers: tuple[Given, ...]
    """In the order in which they were given; the last of them is given again and again."""

    @classmethod
    def rules(cls, value: JsonMap) -> Iterator[Fault]:
        """Ask for an answer, and for a function with its major version."""
        if value.get("answers") == []:
            yield ("answers",), "expected at least one answer"
        call = value.get("call")
        if isinstance(call, str) and _CALL.fullmatch(call) is None:
            yield ("call",), f"'{call}' is malformed; expected NAME:MAJOR such as llm:1"


class Tape(Node):
    """A recording file."""

    answers: tuple[Recorded, ...] = ()


def read_script(text: str, file: str) -> Script:
    """Read a test file; raise FlowError with everything that is wrong in it."""
    return _read(Script, text, file, "the test file")


def read_tape(text: str, file: str) -> Tape:
    """Read a recording; raise FlowError with everything that is wrong in it."""
    return _read(Tape, text, file, "the recording")


def span(duration: Any | None) -> timedelta:
    """Return how long a duration is; none at all where it is not given."""
    return timedelta() if duration is None else durations.span(duration, lambda text: text, BEGAN)


def _read(model: type[M], text: str, file: str, whole: str) -> M:
    try:
        document = read(text, file)
    except SourceError as error:
        raise FlowError([Finding(error.position, error.reason)]) from None
    try:
        return model.model_validate(document.value)
    except ValidationError as error:
        raise FlowError(explain(error.errors(include_url=False), document, whole)) from None
