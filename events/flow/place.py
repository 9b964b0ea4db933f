"""Where in a document an error is: its path, and how to say it in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from events.flow.syntax.task import KEYWORDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from events.source import Path

_TASKS: Final = frozenset(f"<{keyword}>" for keyword in KEYWORDS)
_SHAPES: Final = frozenset({"<text>", "<object>"})


@dataclass(frozen=True, slots=True)
class Place:
    """A path into the definition; `task` counts the parts that lead to the task around it."""

    path: Path
    task: int = 0
    whole: str = "the flow"
    """How the document is called."""

    @property
    def inside(self) -> Path:
        """The path from the task (or from the flow, outside tasks)."""
        return self.path[self.task :]

    @property
    def parent(self) -> Place:
        """The object or list around it."""
        return Place(self.path[:-1], min(self.task, max(len(self.path) - 1, 0)), self.whole)

    def below(self, path: Path) -> bool:
        """Tell whether it is at a path or inside."""
        return self.path[: len(path)] == path

    def __str__(self) -> str:
        """Say where, for instance `'with.method' of task 'ask'`."""
        owner = f"task '{self.path[self.task - 1]}'" if self.task else self.whole
        if not self.inside:
            return owner
        dotted = "".join(
            f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.inside
        ).removeprefix(".")
        return f"'{dotted}' of {owner}" if self.task else f"'{dotted}'"


def locate(loc: Sequence[str | int], definition: Any, whole: str = "the flow") -> Place:
    """Turn an error's location into a place, leaving out the names of union branches."""
    path: list[str | int] = []
    task: int | None = None
    value = definition
    for part in loc:
        if task != len(path) and _is_branch(value, part):
            task = len(path)
        elif _leads_on(value, part):
            value = value[part]
            path.append(part)
        elif part not in _SHAPES:
            value = None
            path.append(part)
    return Place(tuple(path), task or 0, whole)


def value_at(definition: Any, path: Path) -> Any:
    """Return the value at `path`; None where there is none."""
    for part in path:
        if not _leads_on(definition, part):
            return None
        definition = definition[part]
    return definition


def _is_branch(value: Any, part: str | int) -> bool:
    """Tell whether `part` names the branch that a task was read by, rather than a key."""
    return part in _TASKS and isinstance(value, dict) and str(part)[1:-1] in value


def _leads_on(value: Any, part: str | int) -> bool:
    if isinstance(value, dict):
        return part in value
    return isinstance(value, list) and isinstance(part, int) and 0 <= part < len(value)
