"""CloudEvents SQL against the specification's own test kit.

TENDRIL_CESQL_TCK names its folder, `cesql/cesql_tck` of cloudevents/spec; it is not kept here.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from knative.filters.cesql.expressions import outcome
from knative.filters.cesql.syntax import ExpressionError, parse

if TYPE_CHECKING:
    from knative.filters.cesql.values import Value

FOLDER = os.environ.get("TENDRIL_CESQL_TCK", "")
EVENT = {"specversion": "1.0", "id": "1", "source": "/test", "type": "a"}


class Texts(yaml.SafeLoader):
    """YAML whose timestamps stay texts, as an event's attributes are."""


Texts.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def cases() -> list[Any]:
    """Return every case of every file, named by both."""
    files = sorted(Path(FOLDER).glob("*.yaml")) if FOLDER else []
    return [
        pytest.param(case, id=f"{file.stem}: {case['name']}")
        for file in files
        for case in yaml.load(file.read_text("utf-8"), Texts)["tests"]  # noqa: S506 - a SafeLoader
    ]


def evaluated(case: dict[str, Any]) -> tuple[Value | None, str | None]:
    """Return the value and the kind of error of a case's expression."""
    event = case.get("event") or EVENT | case.get("eventOverrides", {})
    try:
        expression = parse(str(case["expression"]))
    except ExpressionError:
        return case.get("result"), "parse"  # a text that is no expression has no value
    value, fault = outcome(expression, event)
    return value, None if fault is None else fault.kind.value


@pytest.mark.skipif(not FOLDER, reason="TENDRIL_CESQL_TCK names no folder of CESQL's test kit")
def test_the_kit_is_whole() -> None:
    """The folder holds the 275 expressions of CESQL 1.0."""
    assert len(cases()) >= 275


@pytest.mark.skipif(not FOLDER, reason="TENDRIL_CESQL_TCK names no folder of CESQL's test kit")
@pytest.mark.parametrize("case", cases())
def test_the_specifications_own_cases(case: dict[str, Any]) -> None:
    """Each expression has the value, the value's type and the error that the kit names."""
    value, error = evaluated(case)
    assert error == case.get("error")
    if "result" in case:
        assert (type(value), value) == (type(case["result"]), case["result"])
