"""Schemas relaxed where values are unknown: what remains is never stricter than the schema."""

from __future__ import annotations

import copy
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.flow.relax import Relaxing

Json = Any
UNKNOWN = "${ . }"

NODE: Json = {
    "type": "object",
    "required": ["name"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "minLength": 1, "not": {"const": "x"}},
        "size": {"oneOf": [{"type": "integer", "minimum": 3}, {"type": "boolean"}]},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "uniqueItems": True},
        "pair": {"prefixItems": [{"type": "string"}, {"type": "integer"}], "items": False},
        "children": {"type": "array", "items": {"$ref": "#/$defs/node"}, "contains": {}},
        "more": {"type": "object", "additionalProperties": {"type": "number"}},
        "same": {"const": {"a": [1]}},
        "kind": {"type": "object", "patternProperties": {"^s": {"type": "string"}}},
    },
    "if": {"required": ["size"]},
    "then": {"required": ["tags"]},
}
SCHEMA: Json = {"$ref": "#/$defs/node", "$defs": {"node": NODE}}

small = st.fixed_dictionaries(
    {"name": st.sampled_from(["y", "zz"])},
    optional={
        "pair": st.tuples(st.text(), st.integers()).map(list),
        "more": st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
        "same": st.just({"a": [1]}),
        "kind": st.just({"s": "t", "u": 1}),
    },
)
sized = st.fixed_dictionaries(
    {"name": st.just("y"), "size": st.integers(3, 9) | st.booleans(), "tags": st.just(["a", "b"])}
)
valid = st.recursive(
    small | sized,
    lambda inner: st.builds(
        lambda node, children: {**node, "children": children},
        small,
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=5,
)


def relaxed(value: Json) -> jsonschema_rs.Validator:
    schema = Relaxing(SCHEMA, lambda each: each == UNKNOWN).relaxed(SCHEMA, value)
    return jsonschema_rs.validator_for(schema, offline=True)


def nodes(value: Json, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    below: list[tuple[Any, Json]] = []
    if isinstance(value, dict):
        below = list(value.items())
    elif isinstance(value, list):
        below = list(enumerate(value))
    return [path, *(deeper for key, child in below for deeper in nodes(child, (*path, key)))]


@given(valid, st.data())
def test_what_can_be_filled_to_fit_is_accepted(value: Json, data: st.DataObject) -> None:
    """A fitting value still passes with anything in it unknown: no false alarm."""
    assert jsonschema_rs.is_valid(SCHEMA, value)
    template = copy.deepcopy(value)
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(nodes(template)))
        if not path:
            template = UNKNOWN
            break
        around = template
        for part in path[:-1]:
            around = around[part]
        around[path[-1]] = UNKNOWN
    assert relaxed(template).is_valid(template)


@given(valid)
def test_nothing_changes_where_everything_is_known(value: Json) -> None:
    """Without an unknown part the schema stays as it is."""
    assert Relaxing(SCHEMA, lambda _: False).relaxed(SCHEMA, value) is SCHEMA


@pytest.mark.parametrize(
    "value",
    [
        {"size": UNKNOWN},
        {"name": UNKNOWN, "nam": 1},
        {"name": UNKNOWN, "size": "x"},
        {"name": UNKNOWN, "tags": ["c", UNKNOWN]},
        {"name": UNKNOWN, "pair": [UNKNOWN, "x"]},
        {"name": UNKNOWN, "children": [{"name": "y"}, {"size": UNKNOWN}]},
        {"name": UNKNOWN, "children": UNKNOWN, "more": {"a": "b"}},
    ],
)
def test_what_cannot_be_filled_to_fit_is_refused(value: Json) -> None:
    """Missing and unknown properties and wrong literals are found beside unknown parts."""
    assert not relaxed(value).is_valid(value)
