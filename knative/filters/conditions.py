"""The map of attribute names to texts that `exact`, `prefix`, `suffix` and `attributes` share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from knative.filters.filter import FilterError

_NAME: Final = re.compile(r"[a-z][a-z0-9]*")


def read(spec: Any, path: str, *, empty: bool = False) -> tuple[tuple[str, str], ...]:
    """Return the conditions; `empty` allows an empty text. Raises FilterError."""
    if not isinstance(spec, Mapping) or not spec:
        raise FilterError(path, "expected a non-empty map of attribute names to texts")
    for name, value in spec.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            reason = f"{name!r} is no attribute name: lower-case letters and digits, a letter first"
            raise FilterError(path, reason)
        if not isinstance(value, str):
            raise FilterError(f"{path}.{name}", f"expected a text, not {value!r}; quote it")
        if not value and not empty:
            raise FilterError(f"{path}.{name}", "must not be empty")
    return tuple(spec.items())


def unequal(conditions: Iterable[tuple[str, str]], attributes: Mapping[str, str]) -> Iterator[str]:
    """Yield what is wrong with each attribute whose text is not the one asked for."""
    for name, value in conditions:
        if name not in attributes:
            yield f"{name} is missing"
        elif attributes[name] != value:
            yield f"{name} is '{attributes[name]}', not '{value}'"


def shown(conditions: Iterable[tuple[str, str]], word: str) -> str:
    """Return conditions for people."""
    return " and ".join(f"{name} {word} '{text}'" for name, text in conditions)
