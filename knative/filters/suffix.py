"""`suffix`: every named attribute is present and ends with its text."""

from __future__ import annotations

from typing import Any

from knative.filters import conditions
from knative.filters.filter import Attributes, Compile, Filter


class Suffix(Filter):
    """Case-sensitive suffix of one or more attributes."""

    __slots__ = ("_conditions",)

    def __init__(self, conditions: tuple[tuple[str, str], ...]) -> None:
        self._conditions = conditions

    def matches(self, attributes: Attributes) -> bool:
        """Say whether all values end so; a missing attribute fails."""
        return all(attributes.get(name, "").endswith(text) for name, text in self._conditions)

    def failure(self, attributes: Attributes) -> str:
        """Name the first attribute that does not."""
        for name, text in self._conditions:
            if name not in attributes:
                return f"{name} is missing"
            if not attributes[name].endswith(text):
                return f"{name} is '{attributes[name]}', which does not end with '{text}'"
        return ""

    def __str__(self) -> str:
        """Return the conditions."""
        return conditions.shown(self._conditions, "ends with")


def parse(spec: Any, path: str, compile: Compile) -> Filter:  # noqa: A002, ARG001 - the dialects' shape
    """Compile `suffix: {type: .created}`."""
    return Suffix(conditions.read(spec, path))
