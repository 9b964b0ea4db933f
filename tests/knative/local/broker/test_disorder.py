"""Disorder: its setting, its repeatability, and that it loses nothing."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import pytest

from knative.local.disorder import Disorder

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from events.envelope import Event
    from knative.local.matching import TriggerSpec
    from tests.knative.local.broker.conftest import Platform


def test_setting() -> None:
    """The setting's text gives seed and rates."""
    assert Disorder.parse("seed=1,duplicate=0.2,delay=0.3:0.5, reorder=0.4,lose=0.1") == Disorder(
        seed=1, duplicate=0.2, delay=0.3, longest=0.5, reorder=0.4, lose=0.1
    )


@pytest.mark.parametrize("text", ["", "seed", "speed=1", "duplicate=2", "delay=0.1:x", "delay=-1"])
def test_wrong_setting(text: str) -> None:
    """A part that is unknown or out of range is refused with an example."""
    with pytest.raises(ValueError, match=r"TENDRIL_DISORDER: .*seed=1,duplicate"):
        Disorder.parse(text)


def test_the_seed_decides() -> None:
    """The same seed does the same, another one something else."""
    once, again, other = (
        list(islice(Disorder(seed, 0.5, 0.5, 1.0, 0.5).waits(), 100)) for seed in (1, 1, 2)
    )
    assert once == again != other


def test_rates() -> None:
    """Rate 0 changes nothing, rate 1 every attempt."""
    assert list(islice(Disorder().waits(), 3)) == [(0.0, None)] * 3
    always = list(islice(Disorder(duplicate=1, delay=1, longest=0.1).waits(), 100))
    assert all(0 < wait <= 0.1 and again is not None for wait, again in always)


async def test_what_is_lost_is_counted(
    platform: Platform,
    trigger: Callable[..., TriggerSpec],
    event: Callable[..., Event],
    eventually: Callable[..., Awaitable[None]],
) -> None:
    """A lost event reaches one Trigger or neither, takes no room and is counted as dropped."""
    triggers = [trigger(name, "a") for name in ("t", "u")]
    broker = platform.start(*triggers, disorder=Disorder(seed=1, lose=0.5, duplicate=0.2))
    for n in range(100):
        await broker.accept(event(str(n)))
    await eventually(lambda: broker.stats().stored == 0 and not broker.stats().retrying)
    got = [set(platform.subscribers.ids(f"http://{name}/")) for name in ("t", "u")]
    assert broker.stats().delivered + broker.stats().dropped == 200
    assert all(30 < len(each) < 80 for each in got)
    assert got[0] != got[1]


async def test_nothing_is_lost(
    platform: Platform,
    trigger: Callable[..., TriggerSpec],
    event: Callable[..., Event],
    eventually: Callable[..., Awaitable[None]],
) -> None:
    """In full disorder every event still arrives, some twice, not in their order."""
    disorder = Disorder(seed=3, duplicate=0.3, delay=0.3, longest=0.1, reorder=0.5)
    broker = platform.start(trigger("t", "a"), disorder=disorder)
    sent = [str(n) for n in range(200)]
    for name in sent:
        await broker.accept(event(name))
    await eventually(lambda: broker.stats().stored == 0 and not broker.stats().retrying)
    got = platform.subscribers.ids("http://t/")
    assert set(got) == set(sent)
    assert len(got) > len(sent)
    assert list(dict.fromkeys(got)) != sent
