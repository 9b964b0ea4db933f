"""What a flow refers to elsewhere: where it is fetched from, and how it is read."""

from __future__ import annotations

from typing import Any

import pytest

from events import source
from events.flow.finding import FlowError
from events.flow.imports import function_of, imports_of
from events.flow.parse import parse
from events.flow.raw import cataloged, raw
from events.flow.syntax.imports import Imports

FLOW = """\
document: {dsl: 1.0.3, namespace: tests, name: flow, version: 1.0.0}
input: {schema: {resource: {endpoint: https://example.com/in.json}}}
use:
  catalogs:
    global: {endpoint: {uri: https://github.com/serverlessworkflow/catalog}}
  functions:
    own: {call: 'log:1.0.0@global'}
do:
  - a: {call: own}
  - b: {call: 'log:1.0.0@global'}
  - c: {call: 'https://example.com/f.yaml', export: {schema: {resource: {endpoint: https://x/s}}}}
  - d: {call: llm}
  - e: {call: 'llm:1.0@default'}
"""
RAW = "https://raw.githubusercontent.com"


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        (
            "https://github.com/serverlessworkflow/catalog/tree/main/functions/log/1.0.0/function.yaml",
            f"{RAW}/serverlessworkflow/catalog/refs/heads/main/functions/log/1.0.0/function.yaml",
        ),
        ("https://github.com/owner/repo", f"{RAW}/owner/repo/HEAD"),
        ("https://github.com/owner/repo.git/", f"{RAW}/owner/repo/HEAD"),
        (f"https://github.com/o/r/blob/{'a' * 40}/f.yaml", f"{RAW}/o/r/{'a' * 40}/f.yaml"),
        (
            "https://github.com/myorg/functions/validateEmailAddress@v1.0.0",
            f"{RAW}/myorg/functions/v1.0.0/validateEmailAddress/function.yaml",
        ),
        ("https://gitlab.com/group/sub/project", "https://gitlab.com/group/sub/project/-/raw/HEAD"),
        ("https://git.example/g/p/-/tree/main/x", "https://git.example/g/p/-/raw/main/x"),
        ("https://git.example/g/p/-/raw/main/x", "https://git.example/g/p/-/raw/main/x"),
        ("https://github.com/owner", "https://github.com/owner"),
        ("https://github.com/", "https://github.com/"),
        ("http://127.0.0.1:8000/catalog", "http://127.0.0.1:8000/catalog"),
    ],
)
def test_a_forges_page_becomes_its_raw_text(uri: str, expected: str) -> None:
    """GitHub and GitLab show pages; what is fetched is the document."""
    assert raw(uri) == expected


def test_a_catalog_has_one_folder_for_each_version() -> None:
    """`functions/{name}/{version}/function.yaml` below the root, whose slash does not matter."""
    expected = "https://c.example/functions/log/1.0.0/function.yaml"
    assert cataloged("https://c.example/", "log", "1.0.0") == expected
    assert cataloged("https://c.example", "log", "1.0.0") == expected


def test_what_lies_elsewhere_is_found_once_with_its_place() -> None:
    """Functions of catalogs and at URLs, schemas; not what the flow or the platform has."""
    found = imports_of(parse(FLOW, "flow.yaml"))
    catalog = f"{RAW}/serverlessworkflow/catalog/HEAD/functions/log/1.0.0/function.yaml"
    assert [(each.kind, each.uri, str(each.position)) for each in found] == [
        ("function", catalog, "flow.yaml:7:11"),
        ("function", "https://example.com/f.yaml", "flow.yaml:11:9"),
        ("schema", "https://example.com/in.json", "flow.yaml:2:29"),
        ("schema", "https://x/s", "flow.yaml:11:74"),
    ]


def test_a_catalog_may_take_the_place_of_the_default_one() -> None:
    """Then `@default` means it; a bare name is still the platform's."""
    text = FLOW.replace("global", "default")
    names = [each.name for each in imports_of(parse(text))]
    assert "llm:1.0@default" not in names  # no full version: a mistake that `check` tells
    assert "log:1.0.0@default" in names
    assert "llm" not in names


def test_a_fetched_function_is_read_with_the_positions_of_its_text() -> None:
    """Its mistakes are where they stand in its file; its own wishes name the way to them."""
    parsed = parse(FLOW, "flow.yaml")
    wanted = imports_of(parsed)[1]
    text = source.read("do:\n  - x: {call: 'https://example.com/g.yaml'}\n", wanted.uri)
    [nested] = imports_of(function_of(parsed, wanted, text), wanted)
    assert str(nested.wrong("gone")) == (
        "flow.yaml:11:9: 'call' of task 'c': https://example.com/f.yaml:2:9: "
        "'call' of task 'x': gone"
    )
    with pytest.raises(FlowError) as error:
        function_of(parsed, wanted, source.read("call: http\nwithh: {}\n", wanted.uri))
    assert {each.position.file for each in error.value.findings} == {wanted.uri}
    with pytest.raises(FlowError, match="expected one of call"):
        function_of(parsed, wanted, source.read("[]", wanted.uri))


class TestRuns:
    """A run takes what was fetched from what came with the flow."""

    def test_a_fetched_function_runs_like_the_flows_own(self, interpreter: Any) -> None:
        """Its references are those it would have under `use.functions`; the definition stays."""
        text = FLOW.replace(FLOW[FLOW.index("input:") : FLOW.index("use:")], "")
        flow = parse(text[: text.index("  - c:")]).flow
        seen = {"set": {"at": "${ $task.reference }", "of": "${ $workflow.definition }"}}
        imported = flow.importing(Imports.model_validate({"functions": {"log:1.0.0@global": seen}}))
        output = interpreter.run(imported, {})
        assert output == {
            "at": "/use/functions/log:1.0.0@global",
            "of": flow.definition(),
        }
        assert flow.function("log:1.0.0@global") is None

    def test_a_fetched_schema_is_validated(self, interpreter: Any) -> None:
        """As one that is given in place; one that did not come is a configuration error."""
        flow = parse(FLOW[: FLOW.index("use:")] + "do: []\n").flow
        schemas = {"https://example.com/in.json": {"type": "object"}}
        imported = flow.importing(Imports.model_validate({"schemas": schemas}))
        assert interpreter.run(imported, {"a": 1}) == {"a": 1}
        assert interpreter.problem(imported, 3).type.endswith("validation")
        assert interpreter.problem(flow, {}).type.endswith("configuration")
