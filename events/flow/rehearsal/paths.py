"""Which tasks a run did, compared with an expectation: in order, except between branches.

Two tasks of different branches of one fork may come in either order; all others may not.
"""

from __future__ import annotations

import re
from collections import Counter
from difflib import ndiff
from typing import TYPE_CHECKING, Final

from events.flow.advance.pointers import name_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_BRANCH: Final = re.compile(r".*/fork/branches/[0-9]+/")


def labels(path: Sequence[str]) -> list[str]:
    """Return a path's references as a person writes them: by name where only one has it."""
    names = Counter(name_of(reference) for reference in set(path))
    return [ref if names[name_of(ref)] > 1 else name_of(ref) for ref in path]


def agrees(expected: Sequence[str], path: Sequence[str]) -> bool:
    """Tell whether a path of references is the expected one, of names and references."""
    places: dict[str, list[int]] = {}
    for index in reversed(range(len(path))):
        for called in {path[index], name_of(path[index])}:
            places.setdefault(called, []).append(index)
    latest: dict[str, int] = {}
    taken: set[int] = set()
    for called in expected:
        found = places.get(called, [])
        while found and found[-1] in taken:
            found.pop()
        if not found:
            return False
        index = found.pop()
        taken.add(index)
        lane = _lane(path[index])
        if any(after > index for other, after in latest.items() if _ordered(lane, other)):
            return False
        latest[lane] = max(index, latest.get(lane, index))
    return len(taken) == len(path)


def compared(expected: Sequence[str], path: Sequence[str]) -> list[str]:
    """Return a diff for a person: what is missing (`-`) and what was done besides (`+`)."""
    wanted = set(expected)
    done = [ref if ref in wanted else label for ref, label in zip(path, labels(path), strict=True)]
    return [line for line in ndiff(list(expected), done) if not line.startswith("?")]


def _lane(reference: str) -> str:
    """Return the branch that a task lies in, the innermost; empty outside of forks."""
    found = _BRANCH.match(reference)
    return found[0] if found else ""


def _ordered(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)
