"""`any`: at least one filter of a list passes."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any as Json

from knative.filters.all import parse_list
from knative.filters.filter import Attributes, Compile, Filter

if TYPE_CHECKING:
    from collections.abc import Sequence


class Any(Filter):
    """Disjunction."""

    __slots__ = ("_filters",)

    def __init__(self, filters: Sequence[Filter]) -> None:
        self._filters = tuple(filters)

    def matches(self, attributes: Attributes) -> bool:
        """Say whether one filter passes, stopping at the first that does."""
        return any(part.matches(attributes) for part in self._filters)

    def failure(self, attributes: Attributes) -> str:
        """Return why each of the filters fails."""
        if self.matches(attributes):
            return ""
        return "none holds: " + "; ".join(part.failure(attributes) for part in self._filters)

    def __str__(self) -> str:
        """Return the filters."""
        return f"({' or '.join(str(part) for part in self._filters)})"

    def excludes(self, name: str, prefix: str) -> bool:
        """Say whether all filters do."""
        return all(part.excludes(name, prefix) for part in self._filters)

    def admits(self, name: str, prefix: str) -> bool:
        """Say whether one of the filters does."""
        return any(part.admits(name, prefix) for part in self._filters)


def parse(spec: Json, path: str, compile: Compile) -> Filter:  # noqa: A002 - the dialects' shape
    """Compile `any: [{exact: ...}, {prefix: ...}]`."""
    return Any(parse_list(spec, path, compile))
