"""Parcels in every ledger: nothing that is referred to is given up, and what is not is found."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from functions.host.ledger import LedgerUnavailable
from functions.host.ledger.rows.gathering import Gathered, Look, Member, Part
from functions.host.ledger.rows.letter import Letter, LetterStatus
from functions.host.ledger.rows.listen import Arrival
from functions.host.ledger.rows.run import RunStatus
from tests.contract.test_ledger import NOW, run
from tests.contract.test_ledger_listens import KEY, LISTEN, began, listen

if TYPE_CHECKING:
    from functions.host.ledger import Ledger

LATER = NOW + 1


def brought(event: str = "e1", parcel: str = "e1.1", at: float = NOW) -> Arrival:
    """Return an event whose data lies in the object store."""
    return Arrival(event, f"@events/{parcel}/{'0' * 64}?size=9", at, (KEY,))


async def announced(ledger: Ledger, *parcels: str) -> None:
    """Announce parcels."""
    for parcel in parcels:
        await ledger.announce(parcel, NOW)


async def test_what_was_never_received_is_found(ledger: Ledger) -> None:
    """A door that dies leaves a parcel without a holder: it is given up once its time is over."""
    await announced(ledger, "e1.1")
    assert await ledger.unheld(NOW, 9) == []
    assert await ledger.unheld(LATER, 9) == ["e1.1"]
    assert await ledger.unheld(LATER, 9) == ["e1.1"], "who was to delete it may have died"
    await ledger.deleted(["e1.1"])
    assert await ledger.unheld(LATER, 9) == []


async def test_what_was_given_up_is_not_received(ledger: Ledger) -> None:
    """A door that was frozen meanwhile is refused, and the event delivered again."""
    await announced(ledger, "e1.1")
    await ledger.unheld(LATER, 9)
    with pytest.raises(LedgerUnavailable, match="deliver it again"):
        await ledger.receive(brought())
    await ledger.deleted(["e1.1"])
    with pytest.raises(LedgerUnavailable, match="deliver it again"):
        await ledger.receive(brought())
    assert await ledger.stale(1e12, 9) == []
    await announced(ledger, "e1.2")
    await ledger.receive(brought(parcel="e1.2"))
    assert await ledger.unheld(LATER, 9) == []


@pytest.mark.parametrize("way", ["delivered", "looked"])
async def test_the_inbox_and_each_run_hold_it(ledger: Ledger, way: str) -> None:
    """An event that is told stays as long as the inbox has it, or a run that was told of it."""
    await announced(ledger, "e1.1")
    if way == "delivered":
        await ledger.open(run(), began(LISTEN))
        assert await ledger.deliver((await ledger.receive(brought()))[0], KEY, ("", ""), 9)
    else:
        await ledger.receive(brought())
        await ledger.open(run(), began(LISTEN))
        assert await ledger.look(listen(), 9)
    assert await ledger.unheld(LATER, 9) == []
    await ledger.forget(["e1"])
    assert await ledger.unheld(LATER, 9) == [], "the run refers to it"
    await ledger.cancel("r1", NOW)
    assert await ledger.archive("r1", NOW)
    assert set(await ledger.unheld(LATER, 9)) == {"e1.1", "r1"}, "what the run has goes with it"
    await ledger.deleted(["e1.1", "r1"])
    assert await ledger.unheld(LATER, 9) == []


async def test_an_event_that_comes_again_leaves_nothing(ledger: Ledger) -> None:
    """What the second delivery stored is not needed: those who listen are told of the first."""
    await announced(ledger, "e1.1", "e1.2")
    first = brought()
    await ledger.receive(first)
    again, _ = await ledger.receive(brought(parcel="e1.2", at=NOW + 9))
    assert again == first
    assert await ledger.unheld(LATER, 9) == ["e1.2"]


async def test_nobody_is_told_of_what_was_given_up(ledger: Ledger) -> None:
    """A door may be frozen between receiving an event and telling it, for longer than both last."""
    await ledger.open(run(), began(LISTEN))
    await announced(ledger, "e1.1")
    kept, _ = await ledger.receive(brought())
    await ledger.forget(["e1"])
    assert await ledger.unheld(LATER, 9) == ["e1.1"]
    assert await ledger.deliver(kept, KEY, ("", ""), 9) == []
    assert len(await ledger.tasks("r1")) == 1


async def test_a_set_holds_its_events_until_its_run_is_started(ledger: Ledger) -> None:
    """The inbox may forget them before: the set still has to be started."""
    await announced(ledger, "a.1", "b.1")
    events = [
        replace(brought(name, f"{name}.1"), keys=(), parts=(Part("sha256:f", number, 2, ""),))
        for number, name in enumerate("ab")
    ]
    await ledger.receive(events[0])
    [made] = (await ledger.receive(events[1]))[1]
    await ledger.forget(["a", "b"])
    assert await ledger.unheld(LATER, 9) == []
    await ledger.started(made)
    assert sorted(await ledger.unheld(LATER, 9)) == ["a.1", "b.1"]


async def test_what_a_flow_gathers_it_holds(ledger: Ledger) -> None:
    """However long it takes, though the inbox forgets it, until the run of its set is started."""
    await announced(ledger, "a.1", "b.1")
    for name in "ab":
        members = (Member("sha256:f", "", (0,)),)
        await ledger.receive(replace(brought(name, f"{name}.1"), keys=(), members=members))
    await ledger.forget(["a", "b"])
    assert await ledger.unheld(LATER, 9) == []
    made = Gathered("g", "sha256:f", (brought("a", "a.1").outcome,))
    assert await ledger.gather(Look("sha256:f", "", ("a", "b"), NOW, ("a", "b"), made))
    assert await ledger.unheld(LATER, 9) == ["b.1"], "what was spent for nothing is not needed"
    await ledger.started(made)
    assert sorted(await ledger.unheld(LATER, 9)) == ["a.1", "b.1"]


async def test_a_letter_holds_its_own(ledger: Ledger) -> None:
    """A dead letter about an event keeps its data; a second copy of the letter keeps nothing."""
    await announced(ledger, "l1.1", "l1.2")
    for parcel in ("l1.1", "l1.2"):
        told = {"id": "e1", "dataref": brought("l1", parcel).outcome[1:]}
        await ledger.add_letter(Letter("l1", LetterStatus.OPEN, "no", 500, NOW, "", told))
    assert await ledger.unheld(LATER, 9) == ["l1.2"]
    kept = await ledger.letter("l1")
    assert kept
    assert "l1.1" in kept.event["dataref"]
    late = {"id": "e2", "dataref": brought("l2", "l1.2").outcome[1:]}
    with pytest.raises(LedgerUnavailable, match="deliver it again"):
        await ledger.add_letter(Letter("l2", LetterStatus.OPEN, "no", 500, NOW, "", late))
    assert await ledger.letter("l2") is None


async def test_giving_up_and_holding_meet(ledger: Ledger) -> None:
    """However they meet: an event that is received is held, one that is given up is refused."""
    names = [f"e{number}" for number in range(24)]
    await announced(ledger, *(f"{name}.1" for name in names))
    received, given_up = await asyncio.gather(
        asyncio.gather(*(ledger.receive(brought(name, f"{name}.1")) for name in names),
                       return_exceptions=True),
        asyncio.gather(*(ledger.unheld(LATER, 3) for _ in names)),
    )  # fmt: skip
    refused = {f"{name}.1" for name, each in zip(names, received, strict=True)
               if isinstance(each, LedgerUnavailable)}  # fmt: skip
    gone = {parcel for each in given_up for parcel in each} | set(await ledger.unheld(LATER, 99))
    assert refused == gone
    assert {each.event for each in await ledger.stale(1e12, 99)} == {
        name for name in names if f"{name}.1" not in gone
    }


async def test_a_run_that_is_not_archived_keeps_its_objects(ledger: Ledger) -> None:
    """Only the transaction that archives a run gives up what it has."""
    await ledger.open(run(), began(LISTEN))
    assert not await ledger.archive("r1", NOW)
    assert await ledger.unheld(1e12, 9) == []
    ended = await ledger.cancel("r1", NOW)
    assert ended
    assert ended.status is RunStatus.CANCELLED
    assert await ledger.unheld(1e12, 9) == []
