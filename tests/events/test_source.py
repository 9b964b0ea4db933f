"""YAML and JSON texts as values with positions."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.source import Position, SourceError, read

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc", min_size=1), inner),
)


@given(json_values, st.booleans())
def test_json_is_read_as_itself(value: object, escaped: bool) -> None:
    """Any JSON document gives its own value, its escapes included."""
    assert read(json.dumps({"value": value}, ensure_ascii=escaped)).value == {"value": value}


def test_every_property_and_item_has_a_position() -> None:
    """A property stands where its name does, an item where it begins."""
    document = read("a:\n  - b: 1\n  - c\nd: {e: 2}\n", "flow.yaml")
    assert document.at(("a", 0, "b")) == Position("flow.yaml", 2, 5)
    assert document.at(("a", 1)) == Position("flow.yaml", 3, 5)
    assert document.at(("d", "e", "nowhere")) == Position("flow.yaml", 4, 5)


def test_words_of_yaml_1_1_are_strings() -> None:
    """`on`, `yes` and `no` are text; so is what looks like a date or a version."""
    assert read("on: yes\nno: 2020-01-01\nversion: 1.0.0").value == {
        "on": "yes",
        "no": "2020-01-01",
        "version": "1.0.0",
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: 1\na: 2", "the key 'a' stands here twice"),
        ("a: !!int x", "'x' is no int"),
        ("a: !!python/object x", "not allowed"),
        ("a: &a [*a]", "nested too deeply"),
        ("a: 99999999999999999999", "out of range"),
        ("a: " + "9" * 5000, "out of range"),
        ("a: 1e999", "out of range"),
        ('a: "\\ud800"', "surrogate"),
        ("a: 1\n--- \nb: 2", "expected one YAML document, found 2"),
        ("", "expected one YAML document, found 0"),
        ("[a]: 1", "expected a plain key"),
    ],
)
def test_what_json_cannot_say_is_refused_with_its_place(text: str, reason: str) -> None:
    """A text that is no document, or no JSON, is refused."""
    with pytest.raises(SourceError) as caught:
        read(text)
    assert reason in str(caught.value)
