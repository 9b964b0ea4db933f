"""Approvals: what a listen with a form must be, so that one person's answer can end it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from events.flow import schemas
from events.flow.correlate import exact_type
from events.flow.rules.visit import tasks_of
from events.flow.syntax.listen import ListenTask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from events.flow.parse import Parsed
    from events.flow.rules.visit import Visit, Words


def unanswerable(parsed: Parsed) -> Iterator[Words]:
    """Yield what keeps an approval from being answered."""
    for visit in tasks_of(parsed.flow):
        if isinstance(visit.task, ListenTask) and visit.task.form is not None:
            yield from _unanswerable(visit, visit.task)


def _unanswerable(visit: Visit, task: ListenTask) -> Iterator[Words]:
    form, to = task.form, task.listen.to
    assert form is not None
    place = visit.place("metadata", "tendril", "form", "schema")
    flaw = None if form.schema_ is None else schemas.flaw(form.schema_)
    if flaw is not None:
        yield place, f"{place}: no usable JSON Schema: {flaw}"
    place = visit.place("listen", "to")
    if to.one is None:
        yield place, f"{place}: a task with a form has one answer; expected 'one'"
        return
    place = visit.place("listen", "to", "one")
    if set(to.one.with_.definition()) != {"type"} or exact_type(to.one) is None or to.one.correlate:
        expected = "expected no more than {with: {type: ...}}, a constant"
        yield place, f"{place}: names the type of the event that the answer is; {expected}"
    if task.foreach is not None:
        place = visit.place("foreach")
        yield place, f"{place}: there is one answer; do with it what is to be done in the next task"
