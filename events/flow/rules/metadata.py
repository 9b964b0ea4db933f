"""What tasks say to Tendril alone, under `metadata.tendril`: the language does not look inside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from events.flow.explain import words_for
from events.flow.place import Place, locate
from events.flow.rules.visit import Visit, Words, tasks_of
from events.flow.syntax.approval import Approval
from events.flow.syntax.composite import ForTask, Parallel
from events.flow.syntax.node import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from events.flow.parse import Parsed
    from events.flow.syntax.node import Node

OWN: Final[dict[str, type[Node]]] = {"for": Parallel, "listen": Approval}
"""What may be said, by the task's keyword; of other tasks nothing."""


def misspoken(parsed: Parsed) -> Iterator[Words]:
    """Yield what is said to Tendril and means nothing."""
    for visit in tasks_of(parsed.flow):
        said = (visit.task.metadata or {}).get("tendril")
        if said is not None:
            yield from _misspoken(visit, said)


def _misspoken(visit: Visit, said: Any) -> Iterator[Words]:
    place = visit.place("metadata", "tendril")
    if not isinstance(said, dict):
        yield place, f"{place}: expected an object"
        return
    model = OWN.get(visit.task.keyword)
    if model is not None:
        yield from _misshapen(place, model, said)
    else:
        for name in said:
            where = Place((*place.path, name), place.task)
            yield where, f"unknown property '{name}' in {place}; expected none in this task"
    if isinstance(visit.task, ForTask) and visit.task.while_ is not None and "concurrency" in said:
        where = visit.place("while")
        reason = (
            "looks at what the iteration before gave, and a parallel `for` does not wait for it"
        )
        yield where, f"{where} {reason}; leave out 'while' or 'metadata.tendril.concurrency'"


def _misshapen(place: Place, model: type[Node], said: dict[str, Any]) -> Iterator[Words]:
    try:
        model.model_validate(said)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        misspelt = any(each["type"] == UNKNOWN for each in errors)
        for each in errors:
            if misspelt and each["type"] == "missing":
                continue
            inside = locate(each["loc"], said).path
            yield words_for(Place((*place.path, *inside), place.task), each)
