"""JSON Schema validation of a flow's data."""

from __future__ import annotations

import time
from typing import Any

import pytest

from events.errors import ErrorType, ToolError
from events.flow import schemas
from events.flow.schemas import ValidationFault

ORDER = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "integer"},
        "a/b": {"type": "array", "items": {"$ref": "#/$defs/item"}},
    },
    "$defs": {"item": {"type": "string", "minLength": 1}},
}


@pytest.mark.parametrize("value", [{"id": 1}, {"id": 1, "a/b": ["x"]}, {"id": 10**30}])
def test_what_fits_passes(value: Any) -> None:
    """A value that fits passes; references inside the document work."""
    schemas.validate(ORDER, value)


@pytest.mark.parametrize(
    ("value", "path", "reason"),
    [
        ({}, "", '"id" is a required property'),
        ({"id": "x"}, "/id", '"x" is not of type "integer"'),
        ({"id": 1, "a/b": ["x", ""]}, "/a~1b/1", '"" is shorter than 1 character'),
    ],
)
def test_what_does_not_fit_says_where_and_why(value: Any, path: str, reason: str) -> None:
    """The fault is the DSL's validation error and carries a JSON pointer and the reason."""
    with pytest.raises(ValidationFault) as caught:
        schemas.validate(ORDER, value, "input")
    fault = caught.value
    assert (fault.path, fault.reason) == (path, reason)
    assert (fault.problem.type, fault.problem.status) == (ErrorType.VALIDATION, 400)
    where = f" at {path}" if path else ""
    assert fault.problem.detail == f"the input does not fit its schema{where}: {reason}"


def test_a_long_value_does_not_fill_the_message() -> None:
    """A reason is cut to a few hundred characters."""
    with pytest.raises(ValidationFault) as caught:
        schemas.validate({"type": "integer"}, "x" * 10_000)
    assert len(caught.value.reason) <= 300


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "strin"},
        {"$ref": "#/nowhere"},
        {"$ref": "https://example.com/schema.json"},
        {"$ref": "file:///etc/passwd"},
        {"properties": {"a": {"$ref": "http://127.0.0.1:1/x.json"}}},
        {"pattern": "("},
        5,
    ],
)
def test_an_unusable_schema_is_a_configuration_error(schema: Any) -> None:
    """A schema that is none, or that would have to be fetched, is refused and nothing is read."""
    with pytest.raises(ToolError, match="no usable JSON Schema") as caught:
        schemas.validate(schema, {"a": 1})
    assert caught.value.problem.type == ErrorType.CONFIGURATION


def test_boolean_schemas() -> None:
    """True lets everything pass, false nothing."""
    schemas.validate(True, 1)  # noqa: FBT003 - a schema
    with pytest.raises(ValidationFault):
        schemas.validate(False, 1)  # noqa: FBT003 - a schema


def test_a_pattern_cannot_run_away() -> None:
    """A pattern that goes back for ever is stopped."""
    started = time.monotonic()
    schema = {"type": "string", "pattern": "^(?=(a+)+\\1$)(a|a)*b$"}
    with pytest.raises(ValidationFault):
        schemas.validate(schema, "a" * 200)
    assert time.monotonic() - started < 5


def test_schemas_are_compiled_once() -> None:
    """Equal schemas share their compiled form, whatever the order of their keys."""
    schemas.validate({"type": "integer", "minimum": 1}, 1)
    before = schemas._compiled.cache_info().misses
    schemas.validate({"minimum": 1, "type": "integer"}, 2)
    assert schemas._compiled.cache_info().misses == before
