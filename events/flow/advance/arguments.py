"""The arguments of runtime expressions: which names are bound to what, at which stage.

Source: serverlessworkflow/specification 1.0.3, `dsl.md`, "Runtime expression arguments".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from events.flow.advance.frames import EXTENDED
from events.flow.advance.pointers import name_of, task_at
from events.flow.expressions import NOW
from events.flow.steps import MACHINE
from events.times import rfc3339

if TYPE_CHECKING:
    from events.flow.advance.frames import Frame
    from events.flow.advance.work import Work
    from events.flow.expressions import Run

Json = Any


class Arguments(Mapping[str, Json]):
    """Names and values; a value that is costly to make is made when it is read."""

    def __init__(self, values: dict[str, Json], makers: dict[str, Callable[[], Json]]) -> None:
        self._values, self._makers = values, makers

    def __getitem__(self, name: str) -> Json:
        if name not in self._values and name in self._makers:
            self._values[name] = self._makers[name]()
        return self._values[name]

    def __contains__(self, name: object) -> bool:
        return name in self._values or name in self._makers

    def __iter__(self) -> Iterator[str]:
        return iter({**self._values, **self._makers})

    def __len__(self) -> int:
        return len({**self._values, **self._makers})


def runner(work: Work, frame: Frame, data: Json, **values: Json) -> Run:
    """Return what evaluates a program on `data`, which is `.`, with the `bindings`."""
    return partial(_run, work, data, bindings(work, frame, **values))


def bindings(work: Work, frame: Frame, **values: Json) -> Arguments:
    """Return the arguments of an expression in the place of `frame`.

    Args:
        work: The step in the making.
        frame: A task, or the flow itself, which has neither `$task` nor local variables.
        values: The arguments of this stage: `input`, `output`, `context`, a catch's error.
            `output` is given with `export.as` only; a task's raw output comes as `raw_output`.
    """
    raw_output = {"output": values.pop("raw_output")} if "raw_output" in values else {}
    makers: dict[str, Callable[[], Json]] = {
        "workflow": partial(_workflow, work),
        "runtime": _runtime,
    }
    bound: dict[str, Json] = {NOW: work.facts.now.timestamp()}
    if frame.is_task:
        bound |= work.variables()
        if EXTENDED in bound:
            values["task"] = bound.pop(EXTENDED)
        else:
            makers["task"] = partial(_task, work, frame, raw_output)
    reserved = {name: value for name, value in bound.items() if name not in makers}
    return Arguments({**reserved, **values}, makers)


def _run(work: Work, data: Json, arguments: Arguments, program: str) -> Json:
    return work.evaluate(program, data, arguments)


def moment(time: datetime) -> dict[str, Json]:
    """Return the DSL's date time descriptor."""
    milliseconds = int(time.timestamp() * 1000)
    return {
        "iso8601": rfc3339(time, "auto"),
        "epoch": {"seconds": milliseconds // 1000, "milliseconds": milliseconds},
    }


def _workflow(work: Work) -> Json:
    return {
        "id": work.facts.run_id,
        "definition": work.flow.definition(),
        "input": work.facts.input,
        "startedAt": moment(work.facts.started_at),
    }


def _task(work: Work, frame: Frame, raw_output: dict[str, Json]) -> Json:
    return {
        "name": name_of(frame.reference),
        "reference": frame.reference,
        "definition": task_at(work.flow, frame.reference).definition(),
        "input": frame.raw,
        "startedAt": moment(datetime.fromisoformat(frame.started)),
        **raw_output,
    }


def extended(work: Work, frame: Frame) -> Json:
    """Return the descriptor of a task for its extensions: with the members of its definition."""
    described = _task(work, frame, {})
    return {**described["definition"], **described}


def _runtime() -> Json:
    return {"name": "tendril", "version": str(MACHINE), "metadata": {}}
