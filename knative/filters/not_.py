"""`not`: the filter inside does not pass."""

from __future__ import annotations

from typing import Any

from knative.filters.filter import Attributes, Compile, Filter


class Not(Filter):
    """Negation: an attribute that is missing fails the inner filter and so passes this one."""

    __slots__ = ("_filter",)

    def __init__(self, inner: Filter) -> None:
        self._filter = inner

    def matches(self, attributes: Attributes) -> bool:
        """Say whether the inner filter fails."""
        return not self._filter.matches(attributes)

    def failure(self, attributes: Attributes) -> str:
        """Say what holds and should not."""
        return "" if self.matches(attributes) else f"{self._filter}, which is excluded"

    def __str__(self) -> str:
        """Return the inner filter, denied."""
        return f"not ({self._filter})"

    def excludes(self, name: str, prefix: str) -> bool:
        """Say whether all of them pass the inner filter."""
        return self._filter.admits(name, prefix)

    def admits(self, name: str, prefix: str) -> bool:
        """Say whether none of them passes the inner filter."""
        return self._filter.excludes(name, prefix)


def parse(spec: Any, path: str, compile: Compile) -> Filter:  # noqa: A002 - the dialects' shape
    """Compile `not: {exact: ...}`."""
    return Not(compile(spec, path))
