"""`all`: every filter of a list passes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from knative.filters.filter import Attributes, Compile, Filter, FilterError


class All(Filter):
    """Conjunction; without filters, everything passes."""

    __slots__ = ("_filters",)

    def __init__(self, filters: Sequence[Filter]) -> None:
        self._filters = tuple(filters)

    def matches(self, attributes: Attributes) -> bool:
        """Say whether all filters pass, in their order, stopping at the first that does not."""
        return all(part.matches(attributes) for part in self._filters)

    def failure(self, attributes: Attributes) -> str:
        """Return why each of the filters fails that does."""
        failures = (part.failure(attributes) for part in self._filters)
        return "; ".join(failure for failure in failures if failure)

    def __str__(self) -> str:
        """Return the filters."""
        return " and ".join(str(part) for part in self._filters) or "anything"

    def required(self) -> Mapping[str, str]:
        """Return what any of the filters requires; of contradictions one, as none can pass."""
        return {name: value for part in self._filters for name, value in part.required().items()}

    def excludes(self, name: str, prefix: str) -> bool:
        """Say whether one of the filters does."""
        return any(part.excludes(name, prefix) for part in self._filters)

    def admits(self, name: str, prefix: str) -> bool:
        """Say whether all filters do."""
        return all(part.admits(name, prefix) for part in self._filters)


def parse(spec: Any, path: str, compile: Compile) -> Filter:  # noqa: A002 - the dialects' shape
    """Compile `all: [{exact: ...}, {prefix: ...}]`."""
    return All(parse_list(spec, path, compile))


def parse_list(spec: Any, path: str, compile: Compile) -> list[Filter]:  # noqa: A002 - as above
    """Compile a list of filters that must not be empty. Raises FilterError."""
    if not isinstance(spec, Sequence) or isinstance(spec, str) or not spec:
        raise FilterError(path, "expected a list with at least one filter")
    return [compile(part, f"{path}[{index}]") for index, part in enumerate(spec)]
