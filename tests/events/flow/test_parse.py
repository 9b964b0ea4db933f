"""Flow texts: what is refused, where, and in which words; what the digest ignores."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.flow.parse import FlowError, parse
from events.source import read

FLOWS = Path(__file__).parent / "flows"
COMPLETE = read((FLOWS / "complete.yaml").read_text()).value
RUNNABLE = read((FLOWS / "runnable.yaml").read_text()).value
MISTAKES = read((FLOWS / "mistakes.yaml").read_text()).value
HEAD = "document: {dsl: 1.0.3, namespace: tests, name: flow, version: 1.0.0}\n"

Json = Any
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


def findings(text: str) -> list[str]:
    with pytest.raises(FlowError) as caught:
        parse(text, "flow.yaml")
    return [str(finding) for finding in caught.value.findings]


def paths(value: Json, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    below: list[tuple[Any, Json]] = []
    if isinstance(value, dict):
        below = list(value.items())
    elif isinstance(value, list):
        below = list(enumerate(value))
    return [path, *(deeper for key, child in below for deeper in paths(child, (*path, key)))]


def at(value: Json, path: tuple[Any, ...]) -> Json:
    for part in path:
        value = value[part]
    return value


@pytest.mark.parametrize("name", ["complete", "runnable"])
def test_every_object_of_the_language_is_read_and_written_back(name: str) -> None:
    """The models keep the whole definition: dumping a flow gives what was parsed."""
    parsed = parse((FLOWS / f"{name}.yaml").read_text())
    assert parsed.flow.definition() == parsed.definition


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake["finding"][:50])
def test_a_mistake_is_told_with_its_place_and_what_was_expected(mistake: dict[str, str]) -> None:
    """One mistake gives one finding: its line and column, what is wrong, what was expected."""
    assert findings(HEAD + mistake["text"]) == [f"flow.yaml:{mistake['finding']}"]


@pytest.mark.parametrize(
    ("member", "value", "words"),
    [
        ("dsl", "2.0.0", "version '2.0.0' of the DSL is not supported"),
        ("namespace", "a b", "'a b' is malformed; expected 1 to 63 letters"),
        ("name", "-x", "'-x' is malformed; expected 1 to 63 letters"),
        ("version", "1.0", "'1.0' is malformed; expected a semantic version such as 1.0.0"),
        ("version", 1.0, "expected a string, found 1.0; put it in quotes"),
    ],
)
def test_the_head_of_a_flow_is_checked(member: str, value: Json, words: str) -> None:
    """A wrong DSL version and a malformed namespace, name or version are named as such."""
    definition = copy.deepcopy(RUNNABLE)
    definition["document"][member] = value
    text = yaml.safe_dump(definition, sort_keys=False)
    line = 1 + next(i for i, row in enumerate(text.split("\n")) if row.startswith(f"  {member}:"))
    [finding] = findings(text)
    assert finding.startswith(f"flow.yaml:{line}:3: 'document.{member}': {words}")


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    """A file with several mistakes gives them all, sorted by position."""
    body = "timeout: 3\ndo:\n  - a: {cal: x}\n  - b: {set: {}}\n  - c: {wait: nope}\nuse: 7\n"
    found = findings(HEAD + body)
    assert [line.split(":")[1] for line in found] == ["2", "4", "5", "6", "7"]


def test_json_with_tabs_and_escaped_pairs_is_read() -> None:
    """A flow in JSON may be laid out with tabs and spell characters as surrogate pairs."""
    definition = {**RUNNABLE, "document": {**RUNNABLE["document"], "title": "\U0001f600"}}
    parsed = parse(json.dumps(definition, indent="\t"))
    assert parsed.flow.document.title == "\U0001f600"


@pytest.mark.parametrize(
    "text",
    ["", "- 1", "3", "null", "a: &a [*a]", "a: !!int x", "\x00", "a: \ud800", '{"a": "\\ud800"}',
     "a: 0x" + "f" * 6000, "a: " + "9" * 6000, "[" * 5000, "a: 1e999", "? [a]\n: 1"],
)  # fmt: skip
def test_what_is_no_document_is_refused(text: str) -> None:
    """Text that is no flow at all, or no document at all, is refused with a position."""
    with pytest.raises(FlowError) as caught:
        parse(text)
    assert caught.value.findings


@given(st.recursive(json_values, lambda inner: st.lists(inner, max_size=2)))
def test_any_json_gives_a_flow_or_findings(value: Json) -> None:
    """No JSON value makes `parse` raise anything but FlowError."""
    with pytest.raises(FlowError):
        parse(json.dumps(value))


@given(st.text())
def test_any_text_gives_a_flow_or_findings(text: str) -> None:
    """No text makes `parse` raise anything but FlowError."""
    with pytest.raises(FlowError):
        parse(text)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.data())
def test_any_mutation_gives_a_flow_or_findings(data: st.DataObject) -> None:
    """A valid flow with anything removed, renamed or replaced parses or gives findings."""
    definition = copy.deepcopy(data.draw(st.sampled_from([COMPLETE, RUNNABLE])))
    for _ in range(data.draw(st.integers(1, 3))):
        *above, last = data.draw(st.sampled_from(paths(definition)[1:] or [("document",)]))
        around = at(definition, tuple(above))
        old = around.pop(last) if isinstance(around, dict) else around[last]
        key = data.draw(st.sampled_from([last, f"{last}x", "<call>", "<object>", "do", "call"]))
        replacement = data.draw(st.one_of(st.just(old), json_values))
        around[key if isinstance(around, dict) else last] = replacement
    try:
        parse(json.dumps(definition))
    except FlowError as error:
        assert error.findings == sorted(error.findings)  # noqa: PT017 - either outcome is right


REQUIRED = {
    "runnable": [
        "document",
        "document/dsl",
        "document/namespace",
        "document/name",
        "document/version",
        "do",
        "schedule/on/one/with",
        "use/errors/unreadable/type",
        "use/errors/unreadable/status",
        "do/1/choose/switch/0/large/then",
        "do/2/refuse/raise/error",
        "do/4/each/for/in",
        "do/4/each/do",
        "do/4/each/do/1/emit/emit/event",
        "do/4/each/do/1/emit/emit/event/with",
        "do/4/each/do/1/emit/emit/event/with/source",
        "do/4/each/do/1/emit/emit/event/with/type",
        "do/5/ask/catch",
        "do/5/ask/try",
        "do/5/ask/try/1/fetch/with/method",
        "do/5/ask/try/1/fetch/with/endpoint",
        "do/7/last/do/0/inner/raise/error/status",
    ],
    "complete": [
        "timeout/after",
        "use/catalogs/global/endpoint",
        "use/extensions/0/log/extend",
        "use/authentications/basic/basic/password",
        "use/authentications/oauth/oauth2/subject/token",
        "do/0/fork/fork/branches",
        "do/1/listenAll/listen/to",
        "do/1/listenAll/listen/to/all/1/correlate/room/from",
        "do/4/container/run/container/image",
        "do/4/container/run/container/lifetime/after",
        "do/5/script/run/script/language",
        "do/7/shell/run/shell/command",
        "do/8/subflow/run/workflow/name",
        "do/11/asyncPublish/with/document",
        "do/12/asyncSubscribe/with/subscription/consume",
        "do/13/grpc/with/service/host",
        "do/14/openapi/with/operationId",
        "do/15/agent/with/method",
        "do/16/tools/with/transport",
        "do/16/tools/with/client/name",
    ],
}
CASES = [(name, pointer) for name, pointers in REQUIRED.items() for pointer in pointers]


@pytest.mark.parametrize("renamed", [False, True])
@pytest.mark.parametrize(("name", "pointer"), CASES)
def test_a_required_property_that_is_gone_is_missed_there(
    name: str, pointer: str, *, renamed: bool
) -> None:
    """Removing or renaming a required property is found at its object's, or its own, line."""
    definition = copy.deepcopy({"complete": COMPLETE, "runnable": RUNNABLE}[name])
    path = tuple(int(part) if part.isdecimal() else part for part in pointer.split("/"))
    around = at(definition, path[:-1])
    old = around.pop(path[-1])
    if renamed:
        around[f"{path[-1]}q"] = old
    text = yaml.safe_dump(definition, sort_keys=False)
    document = read(text)
    lines = {document.at(path[:-1]).line, document.at((*path[:-1], f"{path[-1]}q")).line}
    with pytest.raises(FlowError) as caught:
        parse(text)
    assert lines & {finding.position.line for finding in caught.value.findings}


def shuffled(value: Json, draw: Any) -> Json:
    if isinstance(value, dict):
        keys = draw(st.permutations(list(value)))
        return {key: shuffled(value[key], draw) for key in keys}
    return [shuffled(item, draw) for item in value] if isinstance(value, list) else value


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_the_digest_ignores_layout(data: st.DataObject) -> None:
    """Key order, whitespace, comments and YAML against JSON do not change the digest."""
    definition = shuffled(RUNNABLE, data.draw)
    flow_style = data.draw(st.sampled_from([True, False, None]))
    as_yaml = "# a comment\n" + yaml.safe_dump(
        definition, sort_keys=False, default_flow_style=flow_style, allow_unicode=True
    )
    as_json = json.dumps(definition, indent=data.draw(st.sampled_from([None, 1, "\t"])))
    assert parse(as_yaml).digest == parse(as_json).digest == parse(json.dumps(RUNNABLE)).digest


@given(st.text())
def test_the_digest_sees_a_change(summary: str) -> None:
    """Another text in the definition is another digest."""
    definition = copy.deepcopy(RUNNABLE)
    definition["document"]["summary"] = summary
    same = summary == RUNNABLE["document"]["summary"]
    assert (parse(json.dumps(definition)).digest == parse(json.dumps(RUNNABLE)).digest) is same
