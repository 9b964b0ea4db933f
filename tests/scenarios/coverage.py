"""Which property of the language which scenario uses, read from the scenarios' own flows.

`python -m tests.scenarios.coverage` (in the repository's root) writes the table anew.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from events.flow.syntax import (
    BUILT_IN,
    CallTask,
    EventProperties,
    Flow,
    ForTask,
    ListenTask,
    NamedCase,
    NamedTask,
    Node,
    asyncapi,
    protocols,
)
from events.flow.syntax.approval import Approval
from events.flow.syntax.base import TaskBase
from events.flow.syntax.imports import Imports
from tests.scenarios.scenario import scenarios

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLE: Final = Path(__file__).with_name("README.md")
_FETCHED: Final = "none: it is fetched at deployment; `tests/flows/test_use.py`"
NOT_USED: Final = {
    "CatalogReference.endpoint": _FETCHED,
    "Schema.resource": _FETCHED,
    "Use.catalogs": _FETCHED,
}
"""Properties that no scenario uses, and why."""
_LAZY: Final = (asyncapi, protocols)
"""What is imported with the first call of its protocol; its models are properties too."""
_NO_OBJECTS: Final = (TaskBase, EventProperties, Imports)
"""What others inherit from, and what no definition has."""
HEAD: Final = """# Scenarios

What the language means, told by example: each file is a chapter, each entry of it a claim with a
flow and its cases, in the format of `tendril test`. `test_scenarios.py` plays all of them in
virtual time, and `tests/flows/test_scenarios_served.py` (slow) those on a real platform that need
nothing but their input and a few seconds.

Where each property of the DSL is used first; `python -m tests.scenarios.coverage` writes this
table, and a test compares it.

| property | scenario |
|---|---|
"""


def properties() -> list[str]:
    """Return every property of every object of the language; those of all tasks once."""
    return sorted({_named(model, field) for model in _models(Node) for field in model.model_fields})


def used() -> dict[str, str]:
    """Return the first scenario that uses a property, for each that is used."""
    first: dict[str, str] = {}
    for scenario in scenarios():
        for definition in (scenario.flow, *scenario.flows):
            for name in _within(Flow.model_validate(definition)):
                first.setdefault(name, scenario.name)
    return first


def table() -> str:
    """Return the table as the file has it."""
    first = used()
    lines = [f"| `{name}` | {first.get(name) or NOT_USED[name]} |" for name in properties()]
    return HEAD + "\n".join(lines) + "\n"


def _models(base: type[Node]) -> Iterator[type[Node]]:
    for model in base.__subclasses__():
        if model.__module__.startswith("events.flow.syntax."):
            if not model.__name__.startswith("_") and model not in _NO_OBJECTS:
                yield model
            yield from _models(model)


def _named(model: type[Node], field: str) -> str:
    owner = "Task" if field in TaskBase.model_fields else model.__name__
    return f"{owner}.{model.model_fields[field].alias}"


def _within(value: Any) -> Iterator[str]:
    if isinstance(value, NamedTask):
        yield from _within(value.task)
    elif isinstance(value, NamedCase):
        yield from _within(value.case)
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _within(each)
    elif isinstance(value, dict):
        yield from _within(list(value.values()))
    elif isinstance(value, Node):
        for field in value.model_fields_set & type(value).model_fields.keys():
            yield _named(type(value), field)
            yield from _within(getattr(value, field))
        yield from _beside(value)


def _beside(task: Node) -> Iterator[str]:
    """Yield what a task says where the language leaves room: arguments and metadata."""
    if isinstance(task, CallTask) and task.call in BUILT_IN:
        arguments = next(each for each in _models(Node) if each.__name__ == BUILT_IN[task.call])
        yield from _within(arguments.model_validate(task.with_))
    if isinstance(task, ForTask):
        yield from _within(task.parallel)
    if isinstance(task, ListenTask) and task.form is not None:
        yield from _within(Approval.model_validate((task.metadata or {})["tendril"]))


if __name__ == "__main__":
    TABLE.write_text(table(), "utf-8")
