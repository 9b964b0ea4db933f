"""What every filter dialect gives: a pure test of an event, and what it implies of one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

Attributes = Mapping[str, str]
"""An event's context attributes and extensions in their canonical string form."""


class FilterError(ValueError):
    """A filter that says nothing a broker could test: where in the spec, and why."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class Filter(ABC):
    """One compiled filter."""

    __slots__ = ()

    @abstractmethod
    def matches(self, attributes: Attributes) -> bool:
        """Say whether an event with these attributes passes."""

    @abstractmethod
    def failure(self, attributes: Attributes) -> str:
        """Say why an event with these attributes does not pass, for people; empty if it does."""

    @abstractmethod
    def __str__(self) -> str:
        """Return what passes, for people."""

    def required(self) -> Mapping[str, str]:
        """Return attribute values without which no event passes: the index looks them up."""
        return {}

    def excludes(self, name: str, prefix: str) -> bool:
        """Say whether surely no event passes whose attribute `name` starts with `prefix`."""
        value = self.required().get(name)
        return value is not None and not value.startswith(prefix)

    def admits(self, name: str, prefix: str) -> bool:  # noqa: ARG002 - for those that know better
        """Say whether surely every event passes whose attribute `name` starts with `prefix`."""
        return False


Compile = Callable[[Any, str], Filter]
"""(one filter expression, its path) -> Filter: how a dialect compiles what it contains."""
