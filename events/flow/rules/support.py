"""What the language has and this version cannot run yet, refused by name before a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from events.flow.place import Place
from events.flow.rules.visit import Words, tasks_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from events.flow.parse import Parsed

RELEASE: Final = "Tendril 0.1"


@dataclass(frozen=True, slots=True)
class Feature:
    """A property, by its path in the flow or in a task; with `value`, only that value of it."""

    path: str
    value: str | None = None
    name: str = ""
    """How a message calls it, if not by its path."""

    def __str__(self) -> str:
        return self.name or (f"{self.path}: {self.value}" if self.value else self.path)


NOT_YET_IN_TASKS: Final[tuple[Feature, ...]] = ()
NOT_YET_IN_FLOWS: Final = (Feature("schedule.on.until"),)
LANGUAGES: Final = ("jq",)
SCHEMA_FORMATS: Final = ("json",)

NOT_YET: Final = {
    "task": NOT_YET_IN_TASKS,
    "flow": NOT_YET_IN_FLOWS,
}
"""The whole table: what `check` refuses by name."""


def not_yet(parsed: Parsed) -> Iterator[Words]:
    """Yield every use of a feature that cannot be run yet."""
    for feature in NOT_YET_IN_FLOWS:
        yield from _used(feature, parsed.definition, Place(()))
    language = parsed.definition.get("evaluate", {}).get("language", LANGUAGES[0])
    if language not in LANGUAGES:
        yield Place(("evaluate", "language")), refusal("the flow", f"evaluate.language: {language}")
    for visit in tasks_of(parsed.flow):
        definition = _at(parsed.definition, visit.path)
        for feature in NOT_YET_IN_TASKS:
            yield from _used(feature, definition, visit.place())


def refusal(who: str, what: str) -> str:
    """Return the message that refuses `what`."""
    return f"{who} uses '{what}', which {RELEASE} cannot run yet"


def _used(feature: Feature, definition: Any, owner: Place) -> Iterator[Words]:
    path = feature.path.split(".")
    try:
        value = _at(definition, tuple(path))
    except (KeyError, TypeError):
        return
    if feature.value is None or value == feature.value:
        # what makes the task what it is points at the task, a detail at itself
        inside = [] if owner.task and len(path) == 1 and path != ["timeout"] else path
        yield Place((*owner.path, *inside), owner.task), refusal(str(owner), str(feature))


def _at(definition: Any, path: tuple[Any, ...]) -> Any:
    for part in path:
        definition = definition[part]
    return definition
