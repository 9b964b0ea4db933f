"""The models against the language's own schema and examples."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import orjson
import pytest
from pydantic import ValidationError

from events.flow.parse import parse
from events.flow.syntax import CallTask, Flow, ForTask, TryTask
from events.source import read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FLOWS = Path(__file__).parent / "flows"
SPEC = os.environ.get("TENDRIL_SPEC")
needs_spec = pytest.mark.skipif(
    SPEC is None, reason="TENDRIL_SPEC does not name a folder with the DSL's specification"
)
REMOVE, RENAME = object(), object()
REPLACEMENTS: list[Any] = [None, 3, "x", [], {}, True, [{}], {"x": 1}, -1]
STRICTER: dict[str, Callable[[tuple[Any, ...], Any], bool]] = {
    "the root is closed": lambda path, _: len(path) == 1,
    "evaluate stands in the reference only": lambda path, _: path[0] == "evaluate",
    "a schedule says when": lambda path, _: path[0] == "schedule",
    "no duration is negative": lambda _, value: value == -1,
    "an emitted event has attributes": lambda path, _: "event" in path[-2:],
    "a flow to run is named as flows are": lambda path, _: path[-2:-1] == ("workflow",),
    "the schema forgets to type version": lambda path, _: path[-2:] == ("client", "version"),
}
"""Where these models refuse what the schema lets pass, and why."""
WIDER: dict[str, Callable[[tuple[Any, ...]], bool]] = {
    "the reference has any input for a flow to run": lambda path: (
        path[-2:] == ("workflow", "input")
    ),
}
"""Where they let pass what the schema refuses, and why."""


def nodes(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    below: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        below = list(value.items())
    elif isinstance(value, list):
        below = list(enumerate(value))
    return [path, *(deeper for key, child in below for deeper in nodes(child, (*path, key)))]


def mutants(definition: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, Any]]:
    """Yield (mutant, new value) with the node at `path` removed, renamed or replaced."""
    edits: list[Any] = [REMOVE, *([RENAME] if isinstance(path[-1], str) else []), *REPLACEMENTS]
    for edit in edits:
        mutant = orjson.loads(orjson.dumps(definition))
        around = mutant
        for part in path[:-1]:
            around = around[part]
        if edit is REMOVE:
            around.pop(path[-1])
        elif edit is RENAME:
            around[f"{path[-1]}x"] = around.pop(path[-1])
        else:
            around[path[-1]] = edit
        yield mutant, edit


def accepted(definition: Any) -> bool:
    try:
        Flow.model_validate(definition)
    except ValidationError:
        return False
    return True


@needs_spec
def test_every_example_of_the_specification_is_read_and_written_back() -> None:
    """All examples of the specification parse, and dumping a flow gives what was parsed."""
    files = sorted(Path(str(SPEC), "examples").glob("*.yaml"))
    assert files
    for file in files:
        parsed = parse(file.read_text(), file.name)
        assert parsed.flow.definition() == parsed.definition


@needs_spec
@pytest.mark.parametrize("name", ["complete", "runnable"])
def test_the_models_agree_with_the_schema_of_the_specification(name: str) -> None:
    """Whatever is removed, renamed or replaced: the models and the DSL's schema agree.

    They differ only where the models are stricter on purpose.
    """
    schema = read(Path(str(SPEC), "schema", "workflow.yaml").read_text()).value
    validator = jsonschema_rs.validator_for(schema)
    definition = read((FLOWS / f"{name}.yaml").read_text()).value
    assert validator.is_valid(definition)
    for path in nodes(definition)[1:]:
        for mutant, value in mutants(definition, path):
            ours, theirs = accepted(mutant), validator.is_valid(mutant)
            stricter = theirs and any(reason(path, value) for reason in STRICTER.values())
            wider = ours and any(reason(path) for reason in WIDER.values())
            assert ours == theirs or stricter or wider, (path, value)


def test_tasks_are_told_apart_by_their_keyword() -> None:
    """A task is read as the class of its keyword, its arguments kept as written."""
    flow = parse((FLOWS / "runnable.yaml").read_text()).flow
    tasks = {entry.name: entry.task for entry in flow.do}
    loop, attempt = tasks["each"], tasks["ask"]
    assert isinstance(loop, ForTask)
    assert (loop.for_.each, loop.for_.in_, loop.for_.at) == ("part", ".parts", "i")
    assert isinstance(attempt, TryTask)
    [model, fetch] = attempt.try_
    assert isinstance(model.task, CallTask)
    assert model.task.with_ == {"prompt": "${ .question }", "temperature": 0.5}
    assert isinstance(fetch.task, CallTask)
    assert fetch.task.with_["query"] == "${ .query }"


def test_models_are_frozen() -> None:
    """A flow cannot be changed once it is read."""
    flow = parse((FLOWS / "runnable.yaml").read_text()).flow
    with pytest.raises(ValueError, match="frozen"):
        flow.document.name = "other"  # type: ignore[misc]


def test_importing_the_models_builds_no_schema_and_no_unused_protocol() -> None:
    """A cold start pays for the models it uses: schemas and protocols come when needed."""
    code = (
        "import sys; from events.flow.syntax.flow import Flow; "
        "print(Flow.__pydantic_complete__, 'events.flow.syntax.protocols' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert result.stdout.split() == ["False", "False"]
