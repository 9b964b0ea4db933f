"""`exact`: every named attribute is present and equals its text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from knative.filters import conditions
from knative.filters.filter import Attributes, Compile, Filter

if TYPE_CHECKING:
    from collections.abc import Mapping


class Exact(Filter):
    """Case-sensitive equality of one or more attributes."""

    __slots__ = ("_conditions",)

    def __init__(self, conditions: tuple[tuple[str, str], ...]) -> None:
        self._conditions = conditions

    def matches(self, attributes: Attributes) -> bool:
        """Say whether all texts are equal; a missing attribute fails."""
        return all(attributes.get(name) == value for name, value in self._conditions)

    def failure(self, attributes: Attributes) -> str:
        """Name the first text that is another one."""
        return next(conditions.unequal(self._conditions, attributes), "")

    def __str__(self) -> str:
        """Return the conditions."""
        return conditions.shown(self._conditions, "is")

    def required(self) -> Mapping[str, str]:
        """Return all conditions: nothing else passes."""
        return dict(self._conditions)


def parse(spec: Any, path: str, compile: Compile) -> Filter:  # noqa: A002, ARG001 - the dialects' shape
    """Compile `exact: {type: com.example.thing}`."""
    return Exact(conditions.read(spec, path))
