"""What all tasks have in common: the way of the data in, out and into the context.

The order is the specification's: `if` on the raw input; `input.schema`, then `input.from`; the
task itself; `output.as`, then `output.schema`; `export.as`, then `export.schema`; then the next.
The flow does the same with its own input and output. `input.from` of a sealed task is left to the
host of its call (`events.flow.sealed`).

Where the specification leaves room: a skipped task hands its raw input on as it is and goes on
with the next in line (its `then` belongs to a task that was done). The first context is the
flow's transformed input, as the specification draws it, where that is an object, else `{}`,
since `$context` is a map.

Source: serverlessworkflow/specification 1.0.3, `dsl.md`, "Data Flow".
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from events.errors import ErrorType, TendrilError, ToolError
from events.flow import expressions, schemas
from events.flow.advance import durations, extensions, timers
from events.flow.advance.arguments import runner
from events.flow.advance.frames import SEQUENCE, Frame
from events.flow.advance.happenings import Arrived, Entered, Produced, Returned
from events.flow.advance.pointers import task_at
from events.flow.sealed import sealed

if TYPE_CHECKING:
    from events.flow.advance.work import Work
    from events.flow.expressions import Run
    from events.flow.syntax.data import Export, Input, Output, Schema
    from events.flow.syntax.duration import Timeout

Json = Any


def begin_flow(work: Work, frame: Frame, arrived: Arrived) -> Entered:
    """Take the run's input in and go to the first task."""
    data = _in(work.flow.input, arrived.raw, runner(work, frame, arrived.raw), work)
    work.context = data if isinstance(data, dict) else {}
    _limit(work, frame, work.flow.timeout, data)
    work.push(Frame(SEQUENCE, "/do"))
    return Entered(data)


def end_flow(work: Work, frame: Frame, returned: Returned) -> Returned:
    """Take the last task's output out: the run's output."""
    run = runner(work, frame, returned.output, context=work.context)
    output = taken_out(work.flow.output, returned.output, run, work)
    work.pop()
    return Returned(output)


def begin_task(work: Work, frame: Frame, arrived: Arrived) -> Arrived | Entered | Returned:
    """Decide whether the task is done at all, have it extended, and take its input in."""
    task = task_at(work.flow, frame.reference)
    if not extensions.begun(frame):
        work.count(frame)
        if task.if_ is not None and not _wanted(work, frame, task.if_):
            work.record("task.skipped", frame)
            work.pop()
            return Returned(arrived.raw)
    if (extended := extensions.begin(work, frame)) is not None:
        return extended
    work.record("task.started", frame)
    if task.input is None and task.timeout is None:  # nothing to evaluate
        work.become(replace(frame, input=arrived.raw))
        return Entered(arrived.raw)
    run = runner(work, frame, arrived.raw, context=work.context)
    if sealed(work.flow, task):
        if task.input is not None:
            _validate(work, task.input.schema_, arrived.raw, "input")
        frame = work.become(replace(frame, input=arrived.raw))
        _limit(work, frame, task.timeout, None)
        return Entered(None)
    data = _in(task.input, arrived.raw, run, work)
    frame = work.become(replace(frame, input=data))
    _limit(work, frame, task.timeout, data)
    return Entered(data)


def _wanted(work: Work, frame: Frame, condition: str) -> bool:
    """Ask a task's `if`; where that cannot be answered, the task begins with its error."""
    try:
        return expressions.condition(
            condition, runner(work, frame, frame.raw, context=work.context)
        )
    except TendrilError:
        work.record("task.started", frame)
        raise


def end_task(work: Work, frame: Frame, produced: Produced) -> Returned:
    """Take the task's output out and into the context, and leave the task."""
    task = task_at(work.flow, frame.reference)
    output = produced.output
    values = {"raw_output": output}
    if not sealed(work.flow, task):
        values["input"] = frame.input
    if task.output is not None:
        run = runner(work, frame, output, context=work.context, **values)
        output = taken_out(task.output, output, run, work)
    if task.export is not None:
        run = runner(work, frame, output, context=work.context, output=output, **values)
        work.context = exported(task.export, work, run)
    work.record("task.completed", frame)
    work.pop()
    return Returned(output, produced.then or task.then)


def _limit(work: Work, frame: Frame, timeout: str | Timeout | None, data: Json) -> None:
    """Set the timer of the top frame's timeout, given in place or by name."""
    if isinstance(timeout, str):
        known = (work.flow.use and work.flow.use.timeouts) or {}
        if timeout not in known:
            reason = f"'{timeout}' is no timeout under use.timeouts"
            raise ToolError(reason, type=ErrorType.CONFIGURATION)
        timeout = known[timeout]
    if timeout is not None:
        values = {"input": data} if frame.is_task else {}
        run = runner(work, frame, data, context=work.context, **values)
        span = durations.span(timeout.after, run, work.facts.now)
        timers.start(work, frame, timers.TIMEOUT, span)


def _in(spec: Input | None, raw: Json, run: Run, work: Work) -> Json:
    if spec is None:
        return raw
    _validate(work, spec.schema_, raw, "input")
    return (
        raw if spec.from_ is None else expressions.transform(spec.from_, run, loose=work.flow.loose)
    )


def taken_out(spec: Output | None, raw: Json, run: Run, work: Work) -> Json:
    """Transform a raw output and see that it fits its schema."""
    if spec is None:
        return raw
    output = (
        raw if spec.as_ is None else expressions.transform(spec.as_, run, loose=work.flow.loose)
    )
    _validate(work, spec.schema_, output, "output")
    return output


def exported(spec: Export | None, work: Work, run: Run) -> Json:
    """Return the context that an export makes; without one it stays as it is."""
    if spec is None:
        return work.context
    context = work.context
    if spec.as_ is not None:
        context = expressions.transform(spec.as_, run, loose=work.flow.loose)
    _validate(work, spec.schema_, context, "exported context")
    return context


def _validate(work: Work, schema: Schema | None, value: Json, what: str) -> None:
    if schema is None:
        return
    try:
        document = work.flow.document_of(schema)
    except LookupError as error:
        reason = f"the schema at {error} was not fetched when the flow was deployed"
        raise ToolError(reason, type=ErrorType.CONFIGURATION) from error
    schemas.validate(document, value, what)
