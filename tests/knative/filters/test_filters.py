"""The filter dialects: what passes, what is refused, what the index may rely on."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knative import filters
from knative.filters import FilterError

EVENT = {"type": "com.example.created", "source": "/shop", "id": "1", "subject": "", "tool": "llm"}

names = st.sampled_from(["type", "source", "subject", "tool", "missing"])
texts = st.sampled_from(["com.example.created", "com.", "created", "/shop", "llm", "x"])
conditions = st.dictionaries(names, texts, min_size=1)
leaves = st.one_of(
    *[st.fixed_dictionaries({dialect: conditions}) for dialect in ("exact", "prefix", "suffix")]
)
expressions: st.SearchStrategy[dict[str, Any]] = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.fixed_dictionaries({"not": inner}),
        st.fixed_dictionaries({"all": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"any": st.lists(inner, min_size=1, max_size=3)}),
    ),
    max_leaves=8,
)
events = st.dictionaries(names, texts)


def passes(*items: dict[str, Any]) -> bool:
    """Say whether the event passes a Trigger with these filters."""
    return filters.compile(filters=items).matches(EVENT)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ({"exact": {"type": "com.example.created"}}, True),
        ({"exact": {"type": "com.example.Created"}}, False),
        ({"exact": {"type": "com.example.created", "tool": "http"}}, False),
        ({"exact": {"missing": "x"}}, False),
        ({"prefix": {"type": "com.example.", "source": "/"}}, True),
        ({"prefix": {"type": "COM."}}, False),
        ({"prefix": {"missing": "x"}}, False),
        ({"suffix": {"type": ".created"}}, True),
        ({"suffix": {"type": ".created", "source": "x"}}, False),
        ({"suffix": {"missing": "x"}}, False),
        ({"all": [{"exact": {"tool": "llm"}}, {"prefix": {"type": "com."}}]}, True),
        ({"all": [{"exact": {"tool": "llm"}}, {"prefix": {"type": "org."}}]}, False),
        ({"any": [{"exact": {"tool": "http"}}, {"prefix": {"type": "com."}}]}, True),
        ({"any": [{"exact": {"tool": "http"}}]}, False),
        ({"not": {"exact": {"tool": "llm"}}}, False),
        ({"not": {"exact": {"missing": "x"}}}, True),
        ({"not": {"not": {"exact": {"tool": "llm"}}}}, True),
    ],
)
def test_dialects(expression: dict[str, Any], expected: bool) -> None:
    """Each dialect means what the Subscriptions API says: case-sensitive, a missing name fails."""
    assert passes(expression) is expected


def test_items_are_joined_by_and() -> None:
    """`filters` passes an event only if every item does."""
    assert passes({"exact": {"tool": "llm"}}, {"prefix": {"type": "com."}})
    assert not passes({"exact": {"tool": "llm"}}, {"prefix": {"type": "org."}})


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"type": "com.example.created"}, True),
        ({"type": "com.example.created", "tool": "llm"}, True),
        ({"type": "com.example"}, False),
        ({"tool": ""}, True),
        ({"subject": ""}, False),
        ({"missing": ""}, False),
        ({}, True),
    ],
)
def test_legacy_attributes(attributes: dict[str, str], expected: bool) -> None:
    """`filter.attributes` is exact; an empty text means present and not empty."""
    assert filters.compile(filter={"attributes": attributes}).matches(EVENT) is expected


def test_no_filter_passes_everything() -> None:
    """A Trigger without a filter gets every event."""
    assert filters.compile().matches(EVENT)
    assert filters.compile(filter={}, filters=[]).matches({})


def test_filters_override_filter() -> None:
    """A `filters` that is not empty replaces `filter`; an empty one does not."""
    legacy = {"attributes": {"tool": "http"}}
    assert filters.compile(legacy, [{"exact": {"tool": "llm"}}]).matches(EVENT)
    assert not filters.compile(legacy, []).matches(EVENT)


@pytest.mark.parametrize(
    ("expression", "path", "reason"),
    [
        ({}, "filters[0]", "exactly one of"),
        ("exact", "filters[0]", "exactly one of"),
        ({"exact": {"type": "a"}, "prefix": {"type": "a"}}, "filters[0]", "exactly one of"),
        ({"regex": {"type": "a"}}, "filters[0]", "unknown dialect 'regex'"),
        ({"cesql": "type ="}, "filters[0].cesql", "line 1, column 7"),
        ({"exact": {}}, "filters[0].exact", "non-empty map"),
        ({"exact": ["type"]}, "filters[0].exact", "non-empty map"),
        ({"exact": {"type": ""}}, "filters[0].exact.type", "must not be empty"),
        ({"prefix": {"type": ""}}, "filters[0].prefix.type", "must not be empty"),
        ({"suffix": {"type": 1}}, "filters[0].suffix.type", "expected a text, not 1"),
        ({"exact": {"Type": "a"}}, "filters[0].exact", "no attribute name"),
        ({"exact": {"1type": "a"}}, "filters[0].exact", "no attribute name"),
        ({"any": []}, "filters[0].any", "at least one filter"),
        ({"all": {"exact": {}}}, "filters[0].all", "at least one filter"),
        ({"any": [{"exact": {"a": "b"}}, {"not": {"x": {}}}]}, "filters[0].any[1].not", "unknown"),
    ],
)
def test_refusals(expression: object, path: str, reason: str) -> None:
    """What says nothing testable is refused, with the path and the reason."""
    with pytest.raises(FilterError) as caught:
        filters.compile(filters=[expression])
    assert caught.value.path == path
    assert reason in caught.value.reason


@pytest.mark.parametrize(
    "legacy", [{"exact": {}}, {"attributes": {"a-b": "c"}}, {"attributes": "x"}]
)
def test_legacy_refusals(legacy: dict[str, Any]) -> None:
    """`filter` knows only `attributes`, a map of attribute names to texts."""
    with pytest.raises(FilterError, match=r"^filter"):
        filters.compile(filter=legacy)


@given(expressions, events)
def test_required_is_necessary(expression: dict[str, Any], event: dict[str, str]) -> None:
    """An event that lacks what a filter requires does not pass it: the index loses nothing."""
    compiled = filters.compile(filters=[expression])
    if compiled.matches(event):
        assert dict(event) | dict(compiled.required()) == event


@given(expressions, events)
def test_a_failure_has_a_reason(expression: dict[str, Any], event: dict[str, str]) -> None:
    """There is a reason where an event does not pass, and only there."""
    compiled = filters.compile(filters=[expression])
    assert bool(compiled.failure(event)) is not compiled.matches(event)
    assert str(compiled)


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ({"exact": {"type": "a"}}, "type is 'com.example.created', not 'a'"),
        ({"exact": {"other": "a"}}, "other is missing"),
        (
            {"prefix": {"type": "dev."}},
            "type is 'com.example.created', which does not start with 'dev.'",
        ),
        ({"suffix": {"tool": "x"}}, "tool is 'llm', which does not end with 'x'"),
        ({"not": {"prefix": {"type": "com."}}}, "type starts with 'com.', which is excluded"),
        (
            {"any": [{"exact": {"tool": "x"}}, {"exact": {"id": "2"}}]},
            "none holds: tool is 'llm', not 'x'; id is '1', not '2'",
        ),
        (
            {"all": [{"exact": {"tool": "x"}}, {"exact": {"id": "2"}}]},
            "tool is 'llm', not 'x'; id is '1', not '2'",
        ),
        ({"cesql": "tool = 'x'"}, "`tool = 'x'` is false"),
        ({"cesql": "missing = 'x'"}, "`missing = 'x'`: missingAttribute"),
    ],
)
def test_a_reason_names_the_attribute(expression: dict[str, Any], reason: str) -> None:
    """What is wrong, and what would have passed."""
    assert filters.compile(filters=[expression]).failure(EVENT).startswith(reason)


def test_a_legacy_filter_has_reasons_too() -> None:
    """Another value, and one that is not there."""
    compiled = filters.compile({"attributes": {"tool": "x", "subject": ""}})
    assert compiled.failure(EVENT) == "tool is 'llm', not 'x'"
    assert compiled.failure(EVENT | {"tool": "x"}) == "subject is missing"
    assert str(compiled) == "tool is 'x' and subject is there"


@given(expressions, events, names, texts)
def test_what_surely_passes(
    expression: dict[str, Any], event: dict[str, str], name: str, prefix: str
) -> None:
    """A filter passes no event that it excludes and each one that it admits."""
    compiled = filters.compile(filters=[expression])
    event = event | {name: prefix + event.get(name, "")}
    assert not (compiled.excludes(name, prefix) and compiled.matches(event))
    assert not compiled.admits(name, prefix) or compiled.matches(event)


@pytest.mark.parametrize(
    ("expression", "excluded"),
    [
        ({"not": {"prefix": {"type": "io.x."}}}, True),
        ({"not": {"prefix": {"type": "io."}}}, True),
        ({"not": {"prefix": {"type": "io.x.task."}}}, False),
        ({"exact": {"type": "dev.y"}}, True),
        ({"exact": {"type": "io.x.task", "source": "/a"}}, False),
        ({"prefix": {"type": "com."}}, True),
        ({"prefix": {"source": "/a"}}, False),
        ({"any": [{"exact": {"type": "dev.y"}}, {"prefix": {"type": "com."}}]}, True),
        ({"cesql": "type = 'dev.y' AND EXISTS subject"}, True),
        ({"cesql": "type LIKE 'io.x.%'"}, False),
    ],
)
def test_what_is_excluded(expression: dict[str, Any], excluded: bool) -> None:
    """It is seen of the filters that brokers have for their own events, and of simple ones."""
    assert filters.compile(filters=[expression]).excludes("type", "io.x.") is excluded


@given(expressions, events)
def test_negation(expression: dict[str, Any], event: dict[str, str]) -> None:
    """`not` passes exactly what its filter does not."""
    plain = filters.compile(filters=[expression]).matches(event)
    assert filters.compile(filters=[{"not": expression}]).matches(event) is not plain
