"""Every task of a flow, with its place, its task list and the variables in its scope."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from events.flow.finding import Finding
from events.flow.place import Place
from events.flow.syntax.call import CallTask
from events.flow.syntax.composite import DoTask, ForkTask, ForTask, TryTask
from events.flow.syntax.listen import ListenTask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from events.flow.parse import Parsed
    from events.flow.syntax.base import TaskBase
    from events.flow.syntax.flow import Flow
    from events.flow.syntax.tasklist import TaskList
    from events.source import Path

Words = tuple[Place, str]
"""A place, and what is wrong there."""
NO_VARIABLES: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ListVisit:
    """A task list, where it is, and the variables that its tasks see."""

    path: Path
    tasks: TaskList
    variables: frozenset[str] = NO_VARIABLES
    iterated: bool = False
    """Whether it is in a parallel `for`."""

    def visits(self) -> Iterator[Visit]:
        """Yield its tasks in order."""
        for index, entry in enumerate(self.tasks):
            path = (*self.path, index, entry.name)
            yield Visit(path, entry.name, entry.task, self.variables, self.iterated)


@dataclass(frozen=True, slots=True)
class Visit:
    """A task, where it is, and the variables that its expressions see."""

    path: Path
    name: str
    task: TaskBase
    variables: frozenset[str] = NO_VARIABLES
    iterated: bool = False
    """Whether it is in a parallel `for`."""

    def place(self, *inside: str | int) -> Place:
        """Return the place of a part of the task."""
        return Place((*self.path, *inside), len(self.path))

    def lists(self) -> Iterator[ListVisit]:
        """Yield the task lists inside."""
        task = self.task
        if isinstance(task, DoTask):
            yield self._list(task.do, "do")
        elif isinstance(task, ForTask):
            yield self._list(task.do, "do", variables={task.for_.each, task.for_.at})
        elif isinstance(task, ForkTask):
            yield self._list(task.fork.branches, "fork", "branches")
        elif isinstance(task, ListenTask | CallTask) and task.foreach and task.foreach.do:
            names = set(task.foreach.names)
            yield self._list(task.foreach.do, *task.foreach_at, "do", variables=names)
        elif isinstance(task, TryTask):
            yield self._list(task.try_, "try")
            if task.catch.do:
                yield self._list(task.catch.do, "catch", "do", variables={task.catch.as_})

    def _list(self, tasks: TaskList, *inside: str, variables: set[str] | None = None) -> ListVisit:
        seen = self.variables | (variables or set())
        together = isinstance(self.task, ForTask) and self.task.parallel is not None
        return ListVisit((*self.path, *inside), tasks, seen, self.iterated or together)


def lists_of(flow: Flow) -> Iterator[ListVisit]:
    """Yield every task list of the flow, outer ones first."""
    waiting = [ListVisit(("do",), flow.do)]
    for index, named in enumerate((flow.use and flow.use.extensions) or ()):
        for name, extension in named.items():
            path: Path = ("use", "extensions", index, name)
            waiting.append(ListVisit((*path, "before"), extension.before or ()))
            waiting.append(ListVisit((*path, "after"), extension.after or ()))
    for visit in functions_of(flow):
        waiting.extend(visit.lists())
    while waiting:
        current = waiting.pop(0)
        yield current
        waiting.extend(inner for visit in current.visits() for inner in visit.lists())


def tasks_of(flow: Flow) -> Iterator[Visit]:
    """Yield every task of the flow, those under `use` included."""
    yield from functions_of(flow)
    for tasks in lists_of(flow):
        yield from tasks.visits()


def functions_of(flow: Flow) -> Iterator[Visit]:
    """Yield the tasks that are functions of the flow; they are in no list."""
    for name, task in ((flow.use and flow.use.functions) or {}).items():
        yield Visit(("use", "functions", name), name, task)


def calls_of(flow: Flow) -> Iterator[tuple[Visit, CallTask]]:
    """Yield every call task of the flow."""
    for visit in tasks_of(flow):
        if isinstance(visit.task, CallTask):
            yield visit, visit.task


def finding(parsed: Parsed, words: Words) -> Finding:
    """Return the finding for what is wrong at a place."""
    place, message = words
    return Finding(parsed.document.at(place.path), message)
