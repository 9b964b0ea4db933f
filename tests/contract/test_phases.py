"""Which runs wait, in every ledger: what is asked for is filtered before it is counted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from functions.host.ledger.rows.run import RunStatus
from functions.host.ledger.rows.task import NEVER, TaskState
from tests.contract.test_ledger import NOW, first, row, run

if TYPE_CHECKING:
    from functions.host.ledger import Ledger

WORK = ("requested", "claimed", "recorded", "starting")
WAITS = ("waiting", "listening", "asking", "retrying")


async def has_out(ledger: Ledger, name: str, *states: str, above: str = "", age: int = 0) -> None:
    """Open a run, awaited by the one above, that has rows in these states out."""
    begun = replace(
        run(name), started_at=NOW - age, parent=above or None, awaited=bool(above), caller="x"
    )
    rows = [
        replace(row(name, f"/do/{n}/a#1"), state=TaskState(state), due_at=NEVER)
        for n, state in enumerate(states)
    ]
    await ledger.open(begun, first(*rows, run_id=name))


async def waiting(ledger: Ledger) -> set[str]:
    """Return all that wait; listed and looked up are the same."""
    listed = {each.id for each in await ledger.runs(flow=None, status=RunStatus.WAITING, limit=99)}
    at_work = {each.id for each in await ledger.runs(flow=None, status=RunStatus.RUNNING, limit=99)}
    every = [each.id for each in await ledger.runs(flow=None, status=None, limit=99)]
    assert await ledger.waiting(every) == listed
    assert not listed & at_work
    return listed


@pytest.mark.parametrize("state", [*WORK, *WAITS])
async def test_what_is_to_be_done_is_no_waiting(ledger: Ledger, state: str) -> None:
    """A time, an event and people are waited for; a task beside them is being worked on."""
    await has_out(ledger, "alone", state)
    await has_out(ledger, "beside", state, "waiting")
    await has_out(ledger, "busy", state, "requested")
    assert await waiting(ledger) == ({"alone", "beside"} if state in WAITS else set())


async def test_who_awaits_waits_as_those_below_do(ledger: Ledger) -> None:
    """At any depth; a run that is not awaited, or is suspended or over, keeps nobody at work."""
    await has_out(ledger, "top", "awaiting")
    await has_out(ledger, "middle", "awaiting", above="top")
    await has_out(ledger, "low", "requested", above="middle")
    await has_out(ledger, "other", "awaiting")
    await has_out(ledger, "parked", "listening", above="other")
    await ledger.open(replace(run("free"), parent="other"), first(row("free"), run_id="free"))
    assert await waiting(ledger) == {"other", "parked"}
    await ledger.suspend("low", NOW)
    assert await waiting(ledger) == {"other", "parked", "top", "middle"}
    await ledger.cancel("low", NOW)
    await ledger.cancel("parked", NOW)
    assert "parked" not in await waiting(ledger)


async def test_a_page_is_full(ledger: Ledger) -> None:
    """As many as were asked for, the newest first, whatever others there are; of one flow too."""
    for number in range(6):
        await has_out(
            ledger, f"r{number}", WAITS[number % 2] if number % 2 else "claimed", age=number
        )
    found = await ledger.runs(flow=None, status=RunStatus.WAITING, limit=2)
    assert [each.id for each in found] == ["r1", "r3"]
    found = await ledger.runs(flow=("shop", "order"), status=RunStatus.RUNNING, limit=2)
    assert [each.id for each in found] == ["r0", "r2"]
    assert await ledger.runs(flow=("shop", "other"), status=RunStatus.WAITING, limit=2) == []
