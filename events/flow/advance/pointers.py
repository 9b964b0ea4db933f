"""Task references: JSON pointers into the definition, such as `/do/2/retry/try/0/ask`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from events.flow.syntax.composite import DoTask, ForkTask, ForTask, TryTask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from events.flow.syntax import Flow
    from events.flow.syntax.base import TaskBase
    from events.flow.syntax.tasklist import TaskList


def child(tasks: str, index: int, name: str) -> str:
    """Return the reference of the task `name` at `index` of the list at the pointer `tasks`."""
    return f"{tasks}/{index}/{name.replace('~', '~0').replace('/', '~1')}"


def name_of(reference: str) -> str:
    """Return the name in a task reference."""
    return reference.rsplit("/", 1)[-1].replace("~1", "/").replace("~0", "~")


def task_at(flow: Flow, reference: str) -> TaskBase:
    """Return the task that a reference names."""
    tasks, index, _ = reference.rsplit("/", 2)
    return tasks_at(flow, tasks)[int(index)].task


def tasks_at(flow: Flow, pointer: str) -> TaskList:
    """Return the task list at a pointer."""
    tasks, steps = flow.do, iter(pointer.split("/")[2:])
    for index in steps:
        task = tasks[int(index)].task
        next(steps)  # the name says what the index says
        tasks = _list_in(task, steps)
    return tasks


def _list_in(task: TaskBase, steps: Iterator[str]) -> TaskList:
    key = next(steps)
    if isinstance(task, TryTask) and key == "catch":
        next(steps)
        return task.catch.do or ()
    if isinstance(task, TryTask):
        return task.try_
    if isinstance(task, ForkTask):
        next(steps)
        return task.fork.branches
    assert isinstance(task, DoTask | ForTask)
    return task.do
