"""`filter.attributes`: the older, flat filter of a Trigger, still the common one."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from knative.filters import conditions
from knative.filters.filter import Attributes as EventAttributes
from knative.filters.filter import Filter

if TYPE_CHECKING:
    from collections.abc import Mapping


class Attributes(Filter):
    """Case-sensitive equality; an empty text asks only for presence with some value."""

    __slots__ = ("_equal", "_present")

    def __init__(self, conditions: tuple[tuple[str, str], ...]) -> None:
        self._equal = tuple((name, value) for name, value in conditions if value)
        self._present = tuple(name for name, value in conditions if not value)

    def matches(self, attributes: EventAttributes) -> bool:
        """Say whether all conditions hold; a missing attribute fails."""
        return all(attributes.get(name) == value for name, value in self._equal) and all(
            attributes.get(name) for name in self._present
        )

    def failure(self, attributes: EventAttributes) -> str:
        """Name the first text that is another one, or is missing."""
        missing = (f"{name} is missing" for name in self._present if not attributes.get(name))
        return next(chain(conditions.unequal(self._equal, attributes), missing), "")

    def __str__(self) -> str:
        """Return the conditions."""
        parts = [conditions.shown(self._equal, "is")] if self._equal else []
        return " and ".join([*parts, *(f"{name} is there" for name in self._present)])

    def required(self) -> Mapping[str, str]:
        """Return the conditions that name a value."""
        return dict(self._equal)


def parse(spec: Any, path: str) -> Filter:
    """Compile `{type: com.example.thing, subject: ""}`."""
    return Attributes(conditions.read(spec, path, empty=True))
