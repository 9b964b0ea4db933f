"""How an arriving event finds those who listen: by shape and correlation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from events.flow.correlate import filter_of
from events.flow.listening import correlation, correlation_of, shape_of, shapes_of
from events.flow.starters import keys_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from events.flow.syntax import Flow
    from functions.host.jq import JqPool

EVENT = {"id": "1", "source": "s", "type": "paid", "roomid": 7, "data": {"order": "a", "n": 3}}


def wanted(correlate: Any = None, **attributes: Any) -> dict[str, Any]:
    """Return a filter's definition."""
    return {"with": attributes, **({"correlate": correlate} if correlate else {})}


def test_what_is_of_the_run_is_no_part_of_a_shape() -> None:
    """Constants and expressions on the event alone hold for every run; all else is left out."""
    data = "${ .n > 2 }"
    keys = {"a": {"from": ".a", "expect": "1"}, "b": {"from": ".b"}}
    shape = shape_of(wanted(keys, type="paid", data=data, subject="${ . == $context.id }"))
    assert shape.filter == {
        "with": {"type": "paid", "data": data},
        "correlate": {"a": {"from": ".a"}},
    }
    assert shape.type == "paid"
    other = {**keys, "a": {"from": ".a", "expect": "${ .order }"}}
    same = shape_of(wanted(other, data=data, type="paid", subject="${ $input.x }"))
    assert same == shape, "runs that expect different values have one shape"


def test_a_type_of_the_run_is_any() -> None:
    """A type that each run says itself is no key of the index."""
    assert shape_of(wanted(type="${ . == $context.kind }")).type is None
    assert shape_of(wanted()).filter == {"with": {}}


def test_shapes_of_a_flow(flow_of: Callable[..., Flow]) -> None:
    """Every filter of every listen counts, those of `until` and in loops too, each once."""
    until = {"one": wanted(type="b")}
    inner = {"l": {"listen": {"to": {"any": [wanted(type="a")], "until": until}}}}
    flow = flow_of(
        {"x": {"listen": {"to": {"any": []}}}},
        {"f": {"for": {"in": ".x"}, "do": [inner]}},
        {"y": {"listen": {"to": {"all": [wanted(type="a"), wanted(type="c")]}}}},
    )
    assert sorted(str(shape.type) for shape in shapes_of(flow)) == ["None", "a", "b", "c"]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"k": {"from": ".data.order", "expect": "x"}}, {"k": "a"}),
        ({"k": {"from": ".roomid", "expect": "x"}}, {"k": "7"}),
        ({"k": {"from": ".roomid"}}, {}),
        ({"k": {"from": ".no", "expect": "x"}}, None),
        ({"k": {"from": "error", "expect": "x"}}, None),
    ],
)
def test_the_correlation_of_an_event(jq: JqPool, keys: Any, expected: Any) -> None:
    """It is that of a run which expects the values that the event has."""
    found = correlation_of(shape_of(wanted(keys, type="paid")), EVENT, jq)
    assert found == (None if expected is None else correlation(expected))


def test_an_event_that_does_not_fit_has_none(jq: JqPool) -> None:
    """What of the filter holds for every run is looked at first."""
    assert correlation_of(shape_of(wanted(type="paid", data="${ .n > 3 }")), EVENT, jq) is None


@pytest.mark.parametrize(
    ("expect", "expected"),
    [
        (None, {"k": "a"}),
        ("a", {"k": "a"}),
        ("b", None),
        ("${ .data.order }", {"k": "a"}),
        ("${ .id }", None),
        ("${ error }", None),
    ],
)
def test_the_keys_of_an_event_that_starts_a_run(
    jq: JqPool, expect: str | None, expected: Any
) -> None:
    """Where there is no run yet, what a key expects is a constant, or is taken from the event."""
    key = {"from": ".data.order", **({"expect": expect} if expect else {})}
    assert keys_of(filter_of(wanted({"k": key}, type="paid")), EVENT, jq) == expected
