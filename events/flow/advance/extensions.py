"""Extensions: task lists that are done before and after the tasks they extend (`use.extensions`).

Where the specification leaves room:

- `if` is asked first: a task that is skipped is not extended. Then comes what the first extension
  that applies does before, then the second's, then the task; afterwards the other way round. So
  the first extension is the outermost.
- `when` sees the task's raw input. In it, and in the extension's tasks, `$task` is the task that
  is extended, as in the specification's logging example, and has the members of its definition
  too (`$task.with`), as in its mocking examples; the variables of a loop or a `catch` around the
  task are there in neither. Like a filter of events, and as those examples
  need, a `when` that fails on a task does not hold for it; the run's history says so.
- What is done before gets the task's raw input, what is done after the task's transformed output.
  What these lists make is dropped: logging does not change the data. But a list that is left by
  `exit` puts what it made in the place of the task's output: before, the task itself is not done,
  its `output`, `export` and `then` hold all the same.
- An error in an extension is the task's: a `try` around the task catches it. `end` ends the flow.
- The tasks of an extension, and those of the functions it calls, are not extended. `composite`
  means `do` and `fork`; `for` and `try` have names of their own.

Source: serverlessworkflow/specification 1.0.3, `dsl-reference.md`, "Extension".
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from events.flow import expressions
from events.flow.advance.arguments import extended, runner
from events.flow.advance.frames import AFTER, AROUND, BEFORE, EXTENDED, SEQUENCE, Frame
from events.flow.advance.happenings import Arrived, Entered, Produced, Returned
from events.flow.advance.pointers import extension_at, extension_reference
from events.flow.advance.tasks.sequence import EXIT
from events.flow.expressions import ExpressionError

if TYPE_CHECKING:
    from events.flow.advance.work import Work
    from events.flow.syntax.use import Extension


_COMPOSITE: Final = frozenset({"do", "fork"})


def begun(frame: Frame) -> bool:
    """Tell whether an extension is around this task already."""
    return "extended" in frame.local


def begin(work: Work, frame: Frame) -> Arrived | Entered | None:
    """Put the next extension that applies around the task on top; None when there is none."""
    extensions = (work.flow.use and work.flow.use.extensions) or ()
    if not extensions or EXTENDED in work.variables():
        return None
    first = frame.local.get("extended", 0)
    for index, named in enumerate(extensions[first:], first):
        [(name, extension)] = named.items()
        if _extends(extension, frame.kind) and _applies(work, frame, extension, name):
            reference = extension_reference(index, name)
            return _before(work, frame.having(extended=index + 1), extension, reference)
    return None


def enter(work: Work, frame: Frame, returned: Returned) -> Arrived | Produced:
    """Go on to the task itself, or past it."""
    task = Frame.from_json(frame.local["task"])
    work.become(replace(frame, kind=AROUND, variables={}))
    if returned.then != EXIT:
        work.push(task)
        return Arrived(task.raw)
    work.record("task.started", task, bypassed=frame.reference)
    work.push(replace(task, input=task.raw))
    return Produced(returned.output)


def follow(work: Work, frame: Frame, returned: Returned) -> Entered | Returned:
    """Do what comes after the task."""
    if not extension_at(work.flow, frame.reference).after:
        work.pop()
        return returned
    task = Frame.from_json(frame.local["task"])
    kept = frame.having(output=returned.output, then=returned.then)
    work.become(replace(kept, kind=AFTER, variables={EXTENDED: extended(work, task)}))
    work.push(Frame(SEQUENCE, f"{frame.reference}/after"))
    return Entered(returned.output)


def leave(work: Work, frame: Frame, returned: Returned) -> Returned:
    """Go on where the task said, with its output, or with what stands in its place."""
    work.pop()
    output = returned.output if returned.then == EXIT else frame.local["output"]
    return Returned(output, frame.local["then"])


def _before(work: Work, task: Frame, extension: Extension, reference: str) -> Arrived | Entered:
    around = Frame(AROUND, reference, local={"task": task.to_json()})
    work.become(around)
    if not extension.before:
        work.push(task)
        return Arrived(task.raw)
    work.become(replace(around, kind=BEFORE, variables={EXTENDED: extended(work, task)}))
    work.push(Frame(SEQUENCE, f"{reference}/before"))
    return Entered(task.raw)


def _extends(extension: Extension, kind: str) -> bool:
    if extension.extend == "composite":
        return kind in _COMPOSITE
    return extension.extend in {"all", kind}


def _applies(work: Work, frame: Frame, extension: Extension, name: str) -> bool:
    if extension.when is None:
        return True
    task = extended(work, frame)
    run = runner(work, frame, frame.raw, context=work.context, task=task)
    try:
        return expressions.condition(extension.when, run)
    except ExpressionError as error:
        work.record("extension.unfit", frame, extension=name, reason=error.problem.detail)
        return False
