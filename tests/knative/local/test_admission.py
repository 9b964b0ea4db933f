"""Claims about how many requests a service takes."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knative.local.admission import QUEUE_FACTOR, Admission, Overloaded

STEPS = st.lists(st.tuples(st.sampled_from(["enter", "leave", "abandon"]), st.integers(0, 99)))


@given(st.integers(1, 3), STEPS)
def test_never_more_than_concurrency(concurrency: int, steps: list[tuple[str, int]]) -> None:
    """Whoever comes, leaves or gives up: at most n are served, 10 n wait, no turn is lost."""
    asyncio.run(_play(concurrency, steps))


async def _play(concurrency: int, steps: list[tuple[str, int]]) -> None:
    admission = Admission(concurrency)
    serving: list[asyncio.Event] = []
    tasks: list[asyncio.Task[None]] = []

    async def request() -> None:
        end = asyncio.Event()
        async with admission.turn():
            serving.append(end)
            try:
                await end.wait()
            finally:
                serving.remove(end)

    for kind, number in steps:
        if kind == "enter":
            tasks.append(asyncio.create_task(request()))
        elif kind == "leave" and serving:
            serving[number % len(serving)].set()
        elif kind == "abandon" and tasks:
            tasks[number % len(tasks)].cancel()
        await _settle()
        assert len(serving) == admission.active <= concurrency
        assert admission.queued <= QUEUE_FACTOR * concurrency
        assert admission.queued == 0 or admission.active == concurrency
    while serving:
        serving[0].set()
        await _settle()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (admission.active, admission.queued) == (0, 0)


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_no_limit() -> None:
    """Concurrency 0 takes everybody at once."""
    admission = Admission(0)
    async with asyncio.TaskGroup() as group:
        gate = asyncio.Event()

        async def request() -> None:
            async with admission.turn():
                await gate.wait()

        for _ in range(500):
            group.create_task(request())
        await _settle()
        assert (admission.active, admission.queued) == (500, 0)
        gate.set()


async def test_first_come_first_served() -> None:
    """Requests are served in the order in which they came; one too many is refused."""
    admission = Admission(1)
    order: list[int] = []

    async def request(number: int) -> None:
        async with admission.turn():
            order.append(number)
            await asyncio.sleep(0)

    tasks = [asyncio.create_task(request(number)) for number in range(11)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await request(99)
    await asyncio.gather(*tasks)
    assert order == list(range(11))
