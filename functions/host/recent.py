"""What a process keeps of values that it may need again soon."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")
MOST: Final = 4 * 1024 * 1024
"""Bytes of JSON; parsed, they take some times as much."""


class Recent(Generic[K, V]):
    """Values by their keys, so many at most and `most` bytes of them: the oldest use goes first.

    They are weighed as well as counted, since a single one may have megabytes. The last one stays
    whatever its size: a run that works on nothing else would read it again at every step.
    """

    def __init__(self, count: int, most: int = MOST) -> None:
        self._count, self._most, self._weight = count, most, 0
        self._kept: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def get(self, key: K) -> V | None:
        """Return a value, None where it is not here, or no longer."""
        if key not in self._kept:
            return None
        self._kept.move_to_end(key)
        return self._kept[key][0]

    def keep(self, key: K, value: V, size: int) -> list[V]:
        """Keep a value of so many bytes, and return those that had to go for it."""
        gone = [self._kept.pop(key)] if key in self._kept else []
        self._kept[key] = value, size
        self._weight += size - sum(each for _, each in gone)
        while len(self._kept) > 1 and (len(self._kept) > self._count or self._weight > self._most):
            gone.append(self._kept.popitem(last=False)[1])
            self._weight -= gone[-1][1]
        return [each for each, _ in gone]
