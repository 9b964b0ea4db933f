"""`prefix`: every named attribute is present and starts with its text."""

from __future__ import annotations

from typing import Any

from knative.filters import conditions
from knative.filters.filter import Attributes, Compile, Filter


class Prefix(Filter):
    """Case-sensitive prefix of one or more attributes."""

    __slots__ = ("_conditions",)

    def __init__(self, conditions: tuple[tuple[str, str], ...]) -> None:
        self._conditions = conditions

    def matches(self, attributes: Attributes) -> bool:
        """Say whether all values start so; a missing attribute fails."""
        return all(attributes.get(name, "").startswith(text) for name, text in self._conditions)

    def failure(self, attributes: Attributes) -> str:
        """Name the first attribute that does not."""
        for name, text in self._conditions:
            if name not in attributes:
                return f"{name} is missing"
            if not attributes[name].startswith(text):
                return f"{name} is '{attributes[name]}', which does not start with '{text}'"
        return ""

    def __str__(self) -> str:
        """Return the conditions."""
        return conditions.shown(self._conditions, "starts with")

    def excludes(self, name: str, prefix: str) -> bool:
        """Say whether another start is asked for."""
        return any(
            attribute == name and not (text.startswith(prefix) or prefix.startswith(text))
            for attribute, text in self._conditions
        )

    def admits(self, name: str, prefix: str) -> bool:
        """Say whether no more is asked for than that start."""
        return all(
            attribute == name and prefix.startswith(text) for attribute, text in self._conditions
        )


def parse(spec: Any, path: str, compile: Compile) -> Filter:  # noqa: A002, ARG001 - the dialects' shape
    """Compile `prefix: {type: com.example.}`."""
    return Prefix(conditions.read(spec, path))
