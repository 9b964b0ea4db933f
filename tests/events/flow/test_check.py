"""Well-formed flows that cannot run: each mistake is found before a run."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.flow.advance.table import RUN
from events.flow.catalog import Catalog, Function
from events.flow.check import check
from events.flow.expressions import ExpressionError, program_text, variables
from events.flow.parse import FlowError, parse
from events.flow.syntax.task import KEYWORDS
from events.source import read

Json = Any

FLOWS = Path(__file__).parent / "flows"
COMPLETE = read((FLOWS / "complete.yaml").read_text()).value
RUNNABLE = read((FLOWS / "runnable.yaml").read_text()).value
UNFIT = read((FLOWS / "unfit.yaml").read_text()).value
HEAD = "document: {dsl: 1.0.3, namespace: tests, name: flow, version: 1.0.0}\n"

MESSAGE = {
    "type": "object",
    "required": ["role", "content"],
    "additionalProperties": False,
    "properties": {"role": {"enum": ["user", "system"]}, "content": {"type": "string"}},
}
LLM = {
    "type": "object",
    "required": ["prompt"],
    "additionalProperties": False,
    "properties": {
        "prompt": {"type": "string"},
        "temperature": {"type": "number", "maximum": 2},
        "messages": {"type": "array", "items": {"$ref": "#/$defs/Message"}},
    },
    "$defs": {"Message": MESSAGE},
}
HTTP = {
    "type": "object",
    "required": ["method", "endpoint"],
    "properties": {
        "method": {"enum": ["get", "post"]},
        "endpoint": {"properties": {"uri": {"type": "string", "pattern": "^https?://"}}},
    },
}


def operation(name: str, needs: str, shape: str) -> Json:
    return {
        "type": "object",
        "required": ["operation", needs],
        "additionalProperties": False,
        "properties": {"operation": {"const": name}, needs: {"type": shape}},
    }


COLLECTION = {
    "oneOf": [{"$ref": "#/$defs/Search"}, {"$ref": "#/$defs/Ingest"}],
    "$defs": {
        "Search": operation("search", "query", "string"),
        "Ingest": operation("ingest", "document", "object"),
    },
}
SCRIPT = {
    "type": "object",
    "required": ["language"],
    "properties": {"language": {"enum": ["js", "javascript", "python"]}},
}
CATALOG = Catalog(
    (
        Function("script", "1.0.0", SCRIPT, {}, 60.0, "Script."),
        Function("shell", "1.0.0", {"type": "object"}, {}, 60.0, "Shell."),
        Function("llm", "1.0.0", LLM, {}, 60.0, "Chat."),
        Function("asyncapi", "1.0.0", {"type": "object"}, {}, 60.0, "Messages."),
        Function("http", "1.0.0", HTTP, {}, 60.0, "Request."),
        Function("text-collection", "1.0.0", COLLECTION, {}, 60.0, "Search."),
    )
)


def compiled(program: str) -> None:
    try:
        jq.compile(program_text(program, sorted(variables(program)), clock=True))
    except ValueError as error:
        raise ExpressionError(f"'{program}'") from error


def found(text: str) -> list[str]:
    return [str(finding) for finding in check(parse(text, "flow.yaml"), CATALOG, compiled)]


def test_a_flow_of_all_that_runs_passes() -> None:
    """A flow that uses every supported feature has no findings."""
    assert found((FLOWS / "runnable.yaml").read_text()) == []


@pytest.mark.parametrize("unfit", UNFIT, ids=lambda unfit: unfit["findings"][0][:50])
def test_what_cannot_run_is_told(unfit: dict[str, Any]) -> None:
    """Each mistake gives its finding, at its place, and nothing else is found."""
    lines = found(HEAD + unfit["text"])
    expected = [f"flow.yaml:{line}" for line in unfit["findings"]]
    starts = [line[: len(start)] for line, start in zip(lines, expected, strict=False)]
    assert starts == expected
    assert len(lines) == len(expected)


def test_an_unclosed_expression_is_told() -> None:
    """A text that begins an expression and never ends it is a mistake, not a constant."""
    text = HEAD + "do:\n  - greet: {set: {text: '${ .name '}}\n  - price: {set: {text: '5 ${a}'}}\n"
    [finding] = found(text)
    assert finding.startswith("flow.yaml:3:19: ")
    assert "no closing '}'" in finding


def test_every_kind_of_task_runs() -> None:
    """Each kind of task that a flow may have has its transitions."""
    assert set(KEYWORDS) == RUN


def nodes(value: Json, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    below: list[tuple[Any, Json]] = []
    if isinstance(value, dict):
        below = list(value.items())
    elif isinstance(value, list):
        below = list(enumerate(value))
    return [path, *(deeper for key, child in below for deeper in nodes(child, (*path, key)))]


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.data())
def test_any_flow_that_parses_can_be_checked(data: st.DataObject) -> None:
    """`check` gives findings for any mutation that parses, and never raises."""
    definition = copy.deepcopy(data.draw(st.sampled_from([COMPLETE, RUNNABLE])))
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(nodes(definition)))
        around = definition
        for part in path[:-1]:
            around = around[part]
        if path:
            text = data.draw(st.sampled_from(["x", "${ . }", "${ $x }", "end", "1.0.0", "PT1S"]))
            around[path[-1]] = data.draw(st.sampled_from([text, {}, [], {"x": text}, 1, None]))
    try:
        parsed = parse(json.dumps(definition))
    except FlowError:
        return
    findings = check(parsed, CATALOG, compiled)
    assert findings == sorted(findings)
