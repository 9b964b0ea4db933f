"""What tasks say to Tendril alone, under `metadata.tendril`: the language does not look inside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from events.flow.finding import did_you_mean
from events.flow.place import Place
from events.flow.rules.visit import Visit, Words, tasks_of
from events.flow.syntax.composite import ForTask, Parallel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from events.flow.parse import Parsed
    from events.flow.syntax.node import Node

OWN: Final[dict[str, type[Node]]] = {"for": Parallel}
"""What may be said, by the task's keyword; of other tasks nothing."""
_EXPECTED: Final = {
    "concurrency": "a whole number from 1 on: how many iterations run at the same time",
    "onError": "fail or collect",
}


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
    known = model.properties() if model else []
    unknown = [name for name in said if name not in known]
    for name in unknown:
        where = Place((*place.path, name), place.task)
        expected = f"expected one of {', '.join(known)}" if known else "expected none in this task"
        yield where, f"unknown property '{name}' in {place}; {expected}{did_you_mean(name, known)}"
    if model is not None and not unknown:
        yield from _misshapen(place, model, said)
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
        for each in error.errors(include_url=False):
            name = str(each["loc"][0])
            where = Place((*place.path, name), place.task) if name in said else place
            missing = "" if name in said else f"'{name}' is missing; "
            yield where, f"{where}: {missing}expected {_EXPECTED[name]}"
