"""A claim's heartbeat round the work that holds it."""

from __future__ import annotations

import asyncio

import pytest

from functions.host.heartbeat import Heartbeat
from functions.host.ledger.unavailable import LedgerUnavailable


def beats(*answers: str) -> tuple[list[str], Heartbeat]:
    """Return a heart that gets these answers, and what is left of them."""
    left = list(answers)

    async def beat() -> bool:
        answer = left.pop(0)
        if answer == "down":
            raise LedgerUnavailable(answer)
        return answer == "held"

    return left, Heartbeat(beat, 0.001)


async def test_work_goes_on_while_the_claim_is_held() -> None:
    """A beat that finds the claim lets the work go on; none is made after its end."""
    left, heart = beats("held", "held", "lost")
    with heart:
        await asyncio.sleep(0)
    await asyncio.sleep(0.02)
    assert not heart.lost
    assert len(left) == 3
    with heart:
        async with asyncio.timeout(10):
            while len(left) > 1:  # noqa: ASYNC110 - what is waited for is the heart itself
                await asyncio.sleep(0)
    assert not heart.lost


async def test_work_ends_when_the_claim_is_lost() -> None:
    """A lost claim cancels the work, and nothing beyond it."""
    _, heart = beats("held", "lost")
    with heart:
        await asyncio.Event().wait()
    assert heart.lost
    await asyncio.sleep(0)  # would raise if the cancellation were still pending


async def test_a_ledger_that_fails_ends_the_work_with_its_error() -> None:
    """Who cannot tell whether the claim is held stops, and says why."""
    _, heart = beats("down")
    with pytest.raises(LedgerUnavailable, match="down"), heart:
        await asyncio.Event().wait()


async def test_a_cancellation_from_outside_passes() -> None:
    """Cancelling the task that works is not mistaken for a lost claim."""
    _, heart = beats(*["held"] * 1000)

    async def work() -> None:
        with heart:
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not heart.lost
