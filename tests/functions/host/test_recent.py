"""What a process keeps of values stays within its bounds."""

from __future__ import annotations

from functions.host.recent import Recent


def test_values_are_weighed() -> None:
    """Together they weigh no more than they may, however few they are."""
    recent = Recent[str, str](10, most=100)
    gone = [each for name in "abcdef" for each in recent.keep(name, name.upper(), 40)]
    assert gone == ["A", "B", "C", "D"]
    assert [recent.get(name) for name in "def"] == [None, "E", "F"]


def test_values_are_counted() -> None:
    """There are no more than there may be, however light they are."""
    recent = Recent[int, int](10)
    gone = [each for number in range(30) for each in recent.keep(number, number, 1)]
    assert gone == list(range(20))


def test_what_is_used_stays() -> None:
    """The one that was asked for longest ago goes first."""
    recent = Recent[str, str](2)
    recent.keep("a", "A", 1)
    recent.keep("b", "B", 1)
    assert recent.get("a") == "A"
    assert recent.keep("c", "C", 1) == ["B"]


def test_the_last_one_stays_whatever_its_size() -> None:
    """What weighs more than all may is there until the next one comes, and nothing beside it."""
    recent = Recent[str, str](10, most=100)
    recent.keep("small", "S", 1)
    assert recent.keep("huge", "H", 1_000) == ["S"]
    assert recent.get("huge") == "H"
    assert recent.keep("next", "N", 1) == ["H"]


def test_a_value_may_be_replaced() -> None:
    """Of a key only the last value is kept, and weighed."""
    recent = Recent[str, str](10, most=100)
    recent.keep("a", "old", 90)
    assert recent.keep("a", "new", 10) == ["old"]
    assert recent.keep("b", "B", 90) == []
    assert recent.get("a") == "new"
