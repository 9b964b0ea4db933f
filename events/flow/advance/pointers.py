"""Task references: JSON pointers into the definition, such as `/do/2/retry/try/0/ask`.

A function's task is at `/use/functions/getPet`, an extension's lists at
`/use/extensions/0/log/before` and `/after`. A function that was fetched has the reference that it
would have if the flow defined it under the name it is called by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from events.flow.syntax.call import CallTask
from events.flow.syntax.composite import DoTask, ForkTask, ForTask, TryTask
from events.flow.syntax.listen import ListenTask
from events.pointer import escaped, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from events.flow.syntax import Flow
    from events.flow.syntax.base import TaskBase
    from events.flow.syntax.tasklist import TaskList
    from events.flow.syntax.use import Extension


def child(tasks: str, index: int, name: str) -> str:
    """Return the reference of the task `name` at `index` of the list at the pointer `tasks`."""
    return f"{tasks}/{index}/{escaped(name)}"


def function_reference(name: str) -> str:
    """Return the reference of the task that is the function `name`."""
    return f"/use/functions/{escaped(name)}"


def extension_reference(index: int, name: str) -> str:
    """Return the pointer of the extension `name`, the one at `index`."""
    return child("/use/extensions", index, name)


def name_of(reference: str) -> str:
    """Return the name in a task reference."""
    return plain(reference.rsplit("/", 1)[-1])


def task_at(flow: Flow, reference: str) -> TaskBase:
    """Return the task that a reference names."""
    tasks, index, name = reference.rsplit("/", 2)
    if tasks == "/use":
        return _function(flow, name)
    return tasks_at(flow, tasks)[int(index)].task


def tasks_at(flow: Flow, pointer: str) -> TaskList:
    """Return the task list at a pointer."""
    steps = iter(pointer.split("/")[1:])
    tasks = _outermost(flow, next(steps), steps)
    for index in steps:
        task = tasks[int(index)].task
        next(steps)  # the name says what the index says
        tasks = _list_in(task, steps)
    return tasks


def extension_at(flow: Flow, pointer: str) -> Extension:
    """Return the extension at a pointer."""
    index = pointer.split("/")[3]
    extensions = (flow.use and flow.use.extensions) or ()
    [extension] = extensions[int(index)].values()
    return extension


def _outermost(flow: Flow, first: str, steps: Iterator[str]) -> TaskList:
    if first == "do":
        return flow.do
    if next(steps) == "functions":
        return _list_in(_function(flow, next(steps)), steps)
    extension = extension_at(flow, f"/use/extensions/{next(steps)}")
    next(steps)  # the name says what the index says
    return (extension.before if next(steps) == "before" else extension.after) or ()


def _function(flow: Flow, name: str) -> TaskBase:
    task = flow.function(plain(name))
    assert task is not None, f"no function {name}"
    return task


def _list_in(task: TaskBase, steps: Iterator[str]) -> TaskList:
    key = next(steps)
    if isinstance(task, ListenTask | CallTask):
        for _ in task.foreach_at:  # the rest of the way, and `do`
            next(steps)
        return (task.foreach and task.foreach.do) or ()
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
