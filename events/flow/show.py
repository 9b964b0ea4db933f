"""A flow drawn as a Mermaid flowchart: tasks are nodes, task lists inside tasks are boxes.

Solid arrows are the order of the tasks, labelled with the conditions of a switch; dotted ones
lead from a `try` to its `catch` and from a call to the flow's own function. A box is left where
its list ends or at its `exit`. Functions and extensions are boxes beside the flow.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from events.flow.expressions import program
from events.flow.syntax.call import CallTask
from events.flow.syntax.composite import Catch, DoTask, ForkTask, ForTask, TryTask
from events.flow.syntax.listen import ListenTask
from events.flow.syntax.simple import EmitTask, RaiseTask, SwitchTask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from events.flow.syntax.base import TaskBase
    from events.flow.syntax.flow import Flow
    from events.flow.syntax.tasklist import TaskList

_UNSAFE: Final = re.compile(r"[^\w .,:/=+*'$!?%@-]")
_SHAPES: Final = {
    "call": ("[[", "]]"),
    "emit": ("[/", "/]"),
    "listen": ("[\\", "\\]"),
    "raise": ("{{", "}}"),
    "switch": ("{", "}"),
    "wait": ("(", ")"),
}
_LONGEST: Final = 80
_END: Final = "finish"


def mermaid(flow: Flow) -> str:
    """Return the flowchart's text, ending in a newline."""
    chart = _Chart()
    document = flow.document
    name = f"{document.namespace}/{document.name}:{document.version}"
    chart.add(f'start(["{_text(name)}"])')
    first = chart.tasks(flow.do, done=_END)
    chart.add(f'{_END}(["end"])')
    chart.arrow("start", first or _END)
    _beside(chart, flow)
    return "\n".join(["flowchart TD", *chart.lines, *chart.arrows]) + "\n"


def _beside(chart: _Chart, flow: Flow) -> None:
    """Draw what the flow defines once and uses by name."""
    for named in (flow.use and flow.use.extensions) or ():
        for name, extension in named.items():
            when = f" when {program(extension.when)}" if extension.when else ""
            chart.open(_text(f"extension {name}: {extension.extend}{when}"))
            chart.box("before", extension.before or ())
            chart.box("after", extension.after or ())
            chart.close()
    boxes = {}
    for name, task in ((flow.use and flow.use.functions) or {}).items():
        boxes[name] = chart.open(_text(f"function {name}"))
        chart.task(name, task)
        chart.close()
    for node, call in chart.calls:
        if call in boxes:
            chart.arrow(node, boxes[call], line="-.->")


@dataclass(slots=True)
class _Chart:
    """The lines drawn so far; arrows come last, when every node is known."""

    lines: list[str] = field(default_factory=list)
    arrows: list[str] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)
    """The nodes of call tasks, and what they call."""
    depth: int = 1
    count: int = 0

    def add(self, line: str) -> None:
        self.lines.append("  " * self.depth + line)

    def arrow(self, source: str, target: str, label: str = "", line: str = "-->") -> None:
        text = f'|"{_text(label)}"|' if label else ""
        self.arrows.append(f"  {source} {line}{text} {target}")

    def name(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}{self.count}"

    def tasks(self, tasks: TaskList, done: str | None) -> str | None:
        """Draw a list; return its first node. `done` is the node behind it, if there is one."""
        drawn = [(self.task(entry.name, entry.task), entry.task) for entry in tasks]
        # of several with one name a `then` means the first, as a run does
        named = {
            entry.name: node for entry, (node, _) in reversed([*zip(tasks, drawn, strict=True)])
        }
        leaving = _Leaving(self, named, done)
        nexts = [*(node for node, _ in drawn[1:]), done]
        for (node, task), following in zip(drawn, nexts, strict=False):
            leaving.draw(node, task, following)
        return drawn[0][0] if drawn else None

    def task(self, name: str, task: TaskBase) -> str:
        """Draw one task with all that is inside; return its node."""
        boxes = list(_boxes(task))
        if not boxes:
            node, (left, right) = self.name("task"), _SHAPES.get(task.keyword, ("[", "]"))
            self.add(f'{node}{left}"{_label(name, task)}"{right}')
            if isinstance(task, CallTask):
                self.calls.append((node, task.call))
            return node
        if len(boxes) == 1:
            return self.box(_label(name, task), boxes[0][1])
        outer = self.open(_label(name, task))
        inner = [self.box(_text(title), tasks) for title, tasks in boxes]
        self.close()
        if isinstance(task, TryTask):
            self.arrow(inner[0], inner[1], line="-.->")
        return outer

    def box(self, title: str, tasks: TaskList) -> str:
        node = self.open(title)
        if self.tasks(tasks, done=None) is None:
            self.add(f'{self.name("empty")}["nothing"]')
        self.close()
        return node

    def open(self, title: str) -> str:
        node = self.name("box")
        self.add(f'subgraph {node} ["{title}"]')
        self.depth += 1
        return node

    def close(self) -> None:
        self.depth -= 1
        self.add("end")


@dataclass(slots=True)
class _Leaving:
    """Draws the arrows that leave the tasks of one list."""

    chart: _Chart
    named: dict[str, str]
    done: str | None
    left: str | None = None

    def draw(self, node: str, task: TaskBase, following: str | None) -> None:
        otherwise = self._target(task.then, following)
        if isinstance(task, SwitchTask):
            for each in task.switch:
                label = f"{each.name}: {program(each.case.when)}" if each.case.when else each.name
                self._arrow(node, self._target(each.case.then, following), label)
            if all(each.case.when for each in task.switch):
                self._arrow(node, otherwise, "otherwise")
        elif not isinstance(task, RaiseTask):
            self._arrow(node, otherwise)

    def _arrow(self, node: str, target: str | None, label: str = "") -> None:
        if target is not None:
            self.chart.arrow(node, target, label)
        elif label:
            self.chart.arrow(node, self._way_out(), label)

    def _target(self, then: str | None, following: str | None) -> str | None:
        if then in {None, "continue"}:
            return following
        if then == "end":
            return _END
        if then == "exit":
            return self.done or self._way_out()
        return self.named.get(str(then), following)

    def _way_out(self) -> str:
        """Return the node that stands for the end of the box, drawn when first needed."""
        if self.left is None:
            self.left = self.chart.name("exit")
            self.chart.add(f'{self.left}(("exit"))')
        return self.left


def _boxes(task: TaskBase) -> Iterator[tuple[str, TaskList]]:
    """Yield the task lists inside a task, each with its title."""
    if isinstance(task, DoTask | ForTask):
        yield "do", task.do
    elif isinstance(task, TryTask):
        yield "try", task.try_
        yield _catch(task.catch), task.catch.do or ()
    elif isinstance(task, ForkTask):
        for entry in task.fork.branches:
            yield entry.name, (entry,)
    elif isinstance(task, ListenTask | CallTask) and task.foreach and task.foreach.do:
        yield "foreach", task.foreach.do


def _catch(catch: Catch) -> str:
    wanted = catch.errors.with_ if catch.errors else None
    given = wanted.model_dump(exclude_unset=True) if wanted else {}
    which = ", ".join(str(value).rsplit("/", 1)[-1] for value in given.values())
    when = f" when {program(catch.when)}" if catch.when else ""
    return f"catch {which or 'any error'}{when}"


def _label(name: str, task: TaskBase) -> str:
    """Return a task's lines, escaped: its name, what it does, its condition."""
    lines = [name, _what(task)]
    if task.if_ is not None:
        lines.append(f"if {program(task.if_)}")
    return "<br/>".join(map(_text, lines))


def _what(task: TaskBase) -> str:
    if isinstance(task, CallTask):
        return f"call {task.call}"
    if isinstance(task, EmitTask):
        return f"emit {task.emit.event.with_.type}"
    if isinstance(task, RaiseTask):
        error = task.raise_.error
        return f"raise {error if isinstance(error, str) else error.type.rsplit('/', 1)[-1]}"
    if isinstance(task, ForTask):
        loop = f"for {task.for_.each} in {program(task.for_.in_)}"
        if task.parallel is not None:
            return f"{loop}, {task.parallel.concurrency} at a time"
        return f"{loop} while {program(task.while_)}" if task.while_ else loop
    return task.keyword


def _text(text: str) -> str:
    """Return text that Mermaid shows as it is: on one line, shortened, escaped."""
    line = " ".join(text.split())
    short = line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."
    return _UNSAFE.sub(lambda found: f"#{ord(found[0])};", short)
