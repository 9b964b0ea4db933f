"""Where two JSON values differ, told for a person."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from events.pointer import escaped

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = Any
ABSENT: Final = object()
"""Stands where one of the two values has nothing."""
_SHOWN: Final = 300


@dataclass(frozen=True, slots=True)
class Difference:
    """One place, as a JSON pointer, and what either value has there."""

    pointer: str
    expected: Json
    found: Json

    def in_words(self, expected: str = "expected", found: str = "found") -> str:
        """Say it in a line; the words say what the two values are."""
        where = f"{self.pointer}: " if self.pointer else ""
        return f"{where}{expected} {_text(self.expected)}, {found} {_text(self.found)}"


def differences(
    expected: Json, found: Json, *, partly: bool = False, at: str = ""
) -> Iterator[Difference]:
    """Yield every place where two values differ.

    With `partly` an object may have members that the expected one does not name, at any depth.
    """
    if isinstance(expected, dict) and isinstance(found, dict):
        names = expected if partly else {**expected, **found}
        for name in names:
            below = f"{at}/{escaped(name)}"
            pair = expected.get(name, ABSENT), found.get(name, ABSENT)
            yield from differences(*pair, partly=partly, at=below)
    elif isinstance(expected, list) and isinstance(found, list):
        for index in range(max(len(expected), len(found))):
            pair = _item(expected, index), _item(found, index)
            yield from differences(*pair, partly=partly, at=f"{at}/{index}")
    elif isinstance(expected, bool) is not isinstance(found, bool) or expected != found:
        yield Difference(at, expected, found)


def _item(values: list[Json], index: int) -> Json:
    return values[index] if index < len(values) else ABSENT


def _text(value: Json) -> str:
    if value is ABSENT:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
