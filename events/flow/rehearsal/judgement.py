"""One case played and compared with what it expects."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import isodate

from events.errors import TendrilError
from events.flow import expressions
from events.flow.rehearsal import paths
from events.flow.rehearsal.differences import differences
from events.flow.rehearsal.recording import MissingAnswer
from events.flow.rehearsal.script import span
from events.flow.rehearsal.stage import RUN, Answer, Stage
from events.flow.rehearsal.troupe import MissingFlow, Troupe
from events.flow.schemas import ValidationFault, validate
from events.flow.starters import Whole, input_of, starters
from events.flow.steps import Running, ScopeFaulted
from events.vocabulary import OWN_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from events.flow.effects import ApprovalRequest, EventEmission
    from events.flow.rehearsal.recording import Prompter
    from events.flow.rehearsal.script import Case, Expected
    from events.flow.steps import Evaluate, ScopeCompleted
    from events.flow.syntax import Flow

    Status = ScopeCompleted | ScopeFaulted | Running

Json = Any


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that is not as expected: what, and the lines that say how."""

    what: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a case; it passed where there is no failure."""

    case: Case
    stage: Stage
    failures: tuple[Failure, ...] = ()
    missing: MissingAnswer | None = field(default=None)
    """The request that could not be answered, which ended the case."""

    @property
    def passed(self) -> bool:
        """Whether everything was as expected."""
        return not self.failures and self.missing is None


def rehearse(
    flow: Flow, case: Case, evaluate: Evaluate, prompter: Prompter, flows: Sequence[Flow] = ()
) -> Verdict:
    """Play a case on a flow, together with the `flows` that it runs, and judge it."""
    stage = Stage(flow, evaluate, prompter, case.input, case.run or RUN, case.began)
    stage.child = Troupe(flows, stage, prompter)
    stage.person = partial(_decided, prompter)
    unopened = list(_begin(stage, case))
    if unopened:
        return Verdict(case, stage, tuple(unopened))
    try:
        status = stage.play()
    except MissingAnswer as missing:
        return Verdict(case, stage, missing=missing)
    except MissingFlow as missing:
        return Verdict(case, stage, (Failure("flows", (str(missing),)),))
    except ValidationFault as fault:
        return Verdict(case, stage, (Failure("answers", (str(fault),)),))
    judged = _judged(case.expect, stage, status)
    return Verdict(case, stage, (*_unheard(stage, case), *judged))


def _decided(prompter: Prompter, asked: ApprovalRequest) -> Answer:
    """Return what the case says that a person answers; raise ValidationFault as the API would."""
    given = prompter.own(asked.reference)
    if given is None:
        return Answer(never=True)
    if given.problem is not None:
        reason = "a person gives an output, or never answers"
        raise ValidationFault(f"answer to {asked.reference}", "", reason)
    if not given.never and asked.form["schema"] is not None:
        validate(asked.form["schema"], given.output, f"answer to {asked.reference}")
    return given


def _begin(stage: Stage, case: Case) -> Iterator[Failure]:
    """Have the events come; those that start the flow first, and all that are spent on it."""
    given = case.events or ()
    events = [_event(each.event, index) for index, each in enumerate(given)]
    scheduled = stage.flow.schedule is not None and stage.flow.schedule.on is not None
    spent: tuple[int, ...] = ()
    if events and scheduled and "input" not in case.model_fields_set:
        found = starters(stage.flow, events, stage.evaluate)
        if found is None:
            yield Failure("events/0", ("no filter under schedule.on lets it start the flow",))
            found = Whole((0,), (0,))
        spent = found.spent
        stage.input = input_of(*(events[index] for index in found.starting))
    for index, each in enumerate(given):
        if index not in spent:
            stage.events.append((stage.began + span(each.at), events[index]))
    stage.events.sort(key=itemgetter(0))


def _unheard(stage: Stage, case: Case) -> Iterator[Failure]:
    """Say of which events it is not true that a task consumed them, or that none did."""
    consumed = [each.detail for each in stage.records if each.kind == "event.heard"]
    heard = {(each["source"], each["id"]) for each in consumed}
    coming = {(event["source"], event["id"]) for _, event in stage.events}
    for index, each in enumerate(case.events or ()):
        event = _event(each.event, index)
        key = event["source"], event["id"]
        if key in coming and (key in heard) is (each.heard is False):
            what = "a task consumed it" if key in heard else "no task listened for it"
            yield Failure(f"events/{index}", (f"{what}: {event['type']}",))


def _event(given: dict[str, Json], index: int) -> dict[str, Json]:
    return {"specversion": "1.0", "id": f"event-{index}", "source": "/rehearsal", **given}


def _judged(expect: Expected, stage: Stage, status: Status) -> Iterator[Failure]:
    said = expect.model_fields_set
    if isinstance(status, Running):
        yield Failure("run", (f"never ends: it waits for {', '.join(sorted(stage.open))}",))
    elif isinstance(status, ScopeFaulted):
        yield from _error(expect, status)
    elif expect.error is not None:
        yield Failure("error", ("expected an error; the run completed",))
    else:
        yield from _output(expect, status.output, stage.evaluate)
    if "events" in said:
        own = [each for each in stage.emissions if not _is_ours(each)]
        found = [_emitted(each.attributes, each) for each in own]
        yield from _different("events", list(expect.events or ()), found, partly=True)
    if "path" in said and not paths.agrees(expect.path or (), stage.path):
        yield Failure("path", tuple(paths.compared(expect.path or (), stage.path)))
    took = stage.now - stage.began
    if "took" in said and took != (wanted := span(expect.took)):
        told = f"expected {isodate.duration_isoformat(wanted)}, found "
        yield Failure("took", (told + isodate.duration_isoformat(took),))


def _is_ours(emission: EventEmission) -> bool:
    """Tell whether it is the platform that emits an event, and not the flow."""
    return str(emission.attributes["type"]).startswith(OWN_PREFIX)


def _error(expect: Expected, status: ScopeFaulted) -> Iterator[Failure]:
    found = status.problem.to_json()
    if expect.error is None:
        lines = [f"{name}: {value}" for name, value in found.items()]
        yield Failure("run", ("faulted:", *lines))
    else:
        yield from _different("error", expect.error.definition(), found, partly=True)


def _output(expect: Expected, output: Json, evaluate: Evaluate) -> Iterator[Failure]:
    if "output" in expect.model_fields_set:
        yield from _different("output", expect.output, output)
    try:
        if expect.schema_ is not None:
            validate(expect.schema_, output, "output")
    except TendrilError as error:
        yield Failure("schema", (str(error),))
    run = partial(_evaluated, evaluate, output)
    for index, text in enumerate(expect.conditions or ()):
        try:
            holds, reason = expressions.condition(text, run), f"does not hold: {text}"
        except TendrilError as error:
            holds, reason = False, str(error)
        if not holds:
            yield Failure(f"conditions/{index}", (reason,))


def _evaluated(evaluate: Evaluate, data: Json, program: str) -> Json:
    return evaluate(program, data, {})


def _different(
    what: str, expected: Json, found: Json, *, partly: bool = False
) -> Iterator[Failure]:
    lines = tuple(each.in_words() for each in differences(expected, found, partly=partly))
    if lines:
        yield Failure(what, lines)


def _emitted(attributes: dict[str, str | int | bool], emission: Any) -> dict[str, Json]:
    return {**attributes, "data": emission.data} if emission.has_data else dict(attributes)
