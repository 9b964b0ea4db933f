"""Which events start a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from events.flow import correlate
from events.flow.syntax.event import EventFilter

if TYPE_CHECKING:
    from functions.host.jq import JqPool

EVENT = {
    "specversion": "1.0",
    "id": "1",
    "source": "https://clinic.test/ward?x=1",
    "type": "com.clinic.temperature.v1",
    "subject": "patient/7",
    "priority": 5,
    "urgent": True,
    "data": {"temperature": 39.5, "patient": {"id": 7, "ward": "b"}},
}


def wanted(**attributes: Any) -> EventFilter:
    """Make a filter."""
    return EventFilter.model_validate({"with": attributes})


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"type": "com.clinic.temperature.v1"}, True),
        ({"type": "com.clinic.temperature.v2"}, False),
        ({"type": "com-clinic-temperature-v1"}, False),
        ({"type": "com.clinic.temperature"}, False),
        ({"type": ".*"}, True),
        ({"type": r"^com\.clinic\."}, True),
        ({"type": r"\.clinic\.(bpm|temperature)\.v[0-9]+$"}, True),
        ({"type": r"^clinic\."}, False),
        ({"type": "("}, False),
        ({"source": "https://clinic.test/ward?x=1"}, True),
        ({"type": '${ startswith("com.") }'}, True),
        ({"type": '${ startswith("org.") }'}, False),
        ({"type": '${ "com.clinic" + ".temperature.v1" }'}, True),
        ({"type": "${ error }"}, False),
        ({"type": "${ empty }"}, False),
        ({"data": "${ .temperature > 38 }"}, True),
        ({"data": "${ .temperature > 40 }"}, False),
        ({"data": {"patient": {"id": 7}}}, True),
        ({"data": {"patient": {"id": 8}}}, False),
        ({"data": {"patient": {"ward": "^[ab]$", "id": "${ . < 10 }"}}}, True),
        ({"data": {"nothing": None}}, False),
        ({"priority": 5}, True),
        ({"priority": "5"}, True),
        ({"priority": 6}, False),
        ({"urgent": True}, True),
        ({"urgent": "true"}, True),
        ({"urgent": 1}, False),
        ({"absent": ".*"}, False),
        ({"absent": "${ true }"}, False),
        ({"type": "com.clinic.temperature.v1", "subject": "patient/8"}, False),
    ],
)
def test_what_matches(jq: JqPool, attributes: dict[str, Any], expected: bool) -> None:
    """Literals are equal, patterns are found, expressions decide; every attribute must agree."""
    filter_ = wanted(**attributes)
    assert correlate.matches(filter_, EVENT, jq) is expected
    assert (correlate.failure(filter_, EVENT, jq) == "") is expected


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"subject": "patient/8"}, 'subject is "patient/7", not "patient/8"'),
        ({"absent": ".*"}, "absent is missing"),
        ({"priority": "${ . > 9 }"}, "priority is 5, of which `. > 9` does not hold"),
        (
            {"type": "x", "priority": 6},
            'type is "com.clinic.temperature.v1", not "x"; priority is 5, not 6',
        ),
    ],
)
def test_why_it_does_not_match(jq: JqPool, attributes: dict[str, Any], reason: str) -> None:
    """Every attribute that does not pass is named, with its value and what was wanted."""
    assert correlate.failure(wanted(**attributes), EVENT, jq) == reason


def test_an_endless_pattern_shuts_the_door(jq: JqPool) -> None:
    """A pattern that never ends is stopped and does not match."""
    event = {**EVENT, "subject": "a" * 64}
    assert not correlate.matches(wanted(subject="${ last(repeat(1)) }"), event, jq)
    assert not correlate.matches(wanted(subject="^(a|a)*(a|a)*b$"), event, jq)


def test_literals_are_compared_first(jq: JqPool) -> None:
    """A type that differs is enough: no expression is evaluated for it."""

    def never(program: str, data: Any, arguments: Any) -> Any:
        raise AssertionError((program, data, arguments))

    filter_ = wanted(data="${ .temperature > 38 }", type="other")
    assert not correlate.matches(filter_, EVENT, never)
    assert not correlate.matches(filter_, EVENT, jq)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"type": "com.clinic.temperature.v1", "data": "${ . }"}, "com.clinic.temperature.v1"),
        ({"type": r"com\.clinic\..*"}, None),
        ({"type": "${ true }"}, None),
        ({"source": "https://clinic.test"}, None),
    ],
)
def test_an_exact_type_can_be_indexed(attributes: dict[str, Any], expected: str | None) -> None:
    """Only a type given literally names the one type that can match."""
    assert correlate.exact_type(wanted(**attributes)) == expected
