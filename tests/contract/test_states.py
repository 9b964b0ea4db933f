"""Scope states on every ledger: a step writes what it changed, and leaves nothing behind."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from events.flow.advance import StaleSignal
from functions.host.blobs import Blobs
from functions.host.ledger.rows.fork import ForkRow, Join, ScopeRow
from functions.host.ledger.rows.run import RunStatus
from functions.host.ledger.rows.task import TaskState
from functions.host.ledger.rows.transition import Transition
from functions.host.objects.folder import FolderStore
from functions.host.states import States
from tests.support.contender import NOW, run, started, task

if TYPE_CHECKING:
    from pathlib import Path

    from functions.host.ledger import Ledger

ITEMS = [f"item {n}" for n in range(1000)]
CONTEXT = {"text": "x" * 5000}
SMALL = 1000


def state(index: int, context: Any = None) -> dict[str, Any]:
    """Return a state that stands in a loop over ITEMS."""
    loop = {
        "kind": "for",
        "raw": {"items": ITEMS},
        "local": {"items": ITEMS, "index": index},
        "variables": {"item": ITEMS[index]},
    }
    return {"machine": 1, "context": context, "visits": {}, "steps": index, "frames": [loop]}


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    """An object store for what is large."""
    return Blobs(FolderStore(tmp_path / "objects"), 65_536)


async def begun(ledger: Ledger, states: States, given: dict[str, Any]) -> str:
    """Open a run in this state; return the packed one."""
    packed = states.pack(given)
    first = replace(started("r1"), state=packed.text, keeps=packed.keeps, drops=packed.drops)
    await ledger.open(run("r1"), first)
    return packed.text


async def moved(
    ledger: Ledger, states: States, rev: int, given: dict[str, Any], **how: Any
) -> tuple[bool, Transition]:
    """Move the run on to this state."""
    before, _ = await ledger.scope("r1", "")
    packed = states.pack(given, before)
    step = Transition("r1", "", rev, packed.text, NOW, None, 0)
    step = replace(step, keeps=packed.keeps, drops=packed.drops, **how)
    return await ledger.transit(step), step


async def test_a_step_writes_what_it_changed(ledger: Ledger, blobs: Blobs) -> None:
    """The items of a loop are written when it begins, once, and not at its steps."""
    states = States(ledger, blobs)
    packed = await begun(ledger, states, state(0))
    assert len(packed) < SMALL
    for index in range(1, 4):
        now = await states.unpack("r1", "", packed)
        assert now == state(index - 1)
        now["frames"][0]["local"] |= {"index": index}
        now |= {"steps": index}
        now["frames"][0]["variables"] = {"item": ITEMS[index]}
        done, step = await moved(ledger, states, index, now)
        assert done
        assert (step.keeps, step.drops) == ((), ())
        packed, _ = await ledger.scope("r1", "")
    assert await states.unpack("r1", "", packed) == state(3)


async def test_another_host_reads_the_parts(ledger: Ledger, blobs: Blobs) -> None:
    """A host that never saw the run has the whole state, and steps on without writing it again."""
    packed = await begun(ledger, States(ledger, blobs), state(0, CONTEXT))
    other = States(ledger, blobs)
    now = await other.unpack("r1", "", packed)
    assert now == state(0, CONTEXT)
    done, step = await moved(ledger, other, 1, now)
    assert done
    assert (step.keeps, step.drops, step.state) == ((), (), packed)


async def test_a_state_of_many_parts_is_read_whole(ledger: Ledger, blobs: Blobs) -> None:
    """Parts that were known before it are in it, also where those read beside them are too many."""
    whole = state(0)
    whole["frames"][0]["variables"] = {f"v{n}": [f"{n} {ITEMS}"] for n in range(100)}
    part = {**state(0), "frames": [{"variables": {"v99": whole["frames"][0]["variables"]["v99"]}}]}
    packed = await begun(ledger, States(ledger, blobs), whole)
    other = States(ledger, blobs)
    assert await other.unpack("r1", "", States(ledger, blobs).pack(part).text) == part
    assert await other.unpack("r1", "", packed) == whole


async def test_equal_values_that_are_not_the_same_are_one_part(
    ledger: Ledger, blobs: Blobs
) -> None:
    """A value that a step made anew, equal to what is there, is not written again."""
    states = States(ledger, blobs)
    await begun(ledger, states, state(0))
    _, step = await moved(ledger, states, 1, state(1))
    assert (step.keeps, step.drops) == ((), ())


async def test_what_a_state_has_no_longer_is_deleted(ledger: Ledger, blobs: Blobs) -> None:
    """A part goes in the step that replaces it; who still reads the state before learns so."""
    states = States(ledger, blobs)
    before = await begun(ledger, states, state(0, CONTEXT))
    done, step = await moved(ledger, states, 1, state(1, {"text": "y" * 5000}))
    assert done
    [(new, _)], [old] = step.keeps, step.drops
    assert set(await ledger.parts("r1", "", [new, old])) == {new}
    with pytest.raises(StaleSignal, match="moved on"):
        await States(ledger, blobs).unpack("r1", "", before)
    done, step = await moved(ledger, states, 2, {**state(2), "frames": []})
    assert done
    assert len(step.drops) == 3  # the context, the input and the items
    assert await ledger.parts("r1", "", [new, *step.drops]) == {}


async def test_who_loses_the_race_changes_no_part(ledger: Ledger, blobs: Blobs) -> None:
    """A transition that does not stand neither writes parts nor deletes any."""
    states = States(ledger, blobs)
    packed = await begun(ledger, states, state(0, CONTEXT))
    done, step = await moved(ledger, states, 7, state(1, {"text": "y" * 5000}))
    assert not done
    assert await ledger.parts("r1", "", [step.keeps[0][0]]) == {}
    assert await States(ledger, blobs).unpack("r1", "", packed) == state(0, CONTEXT)


async def test_a_fault_keeps_the_parts_for_the_redrive(ledger: Ledger, blobs: Blobs) -> None:
    """A faulted run keeps its state whole; retention deletes the parts with it."""
    states = States(ledger, blobs)
    packed = await begun(ledger, states, state(0))
    fault = {"ended": RunStatus.FAULTED, "error": {"title": "x"}}
    done, step = await moved(ledger, states, 1, {}, **fault)
    assert done
    assert step.drops
    assert await States(ledger, blobs).unpack("r1", "", packed) == state(0)
    assert await ledger.archive("r1", NOW)
    assert await ledger.parts("r1", "", step.drops) == {}


async def test_parts_go_with_their_branch(ledger: Ledger, blobs: Blobs) -> None:
    """The parts of a branch are its own; they end with it, or with its fork."""
    states, at = States(ledger, blobs), "/do/1/f#1/"
    packed = states.pack(state(0))
    [*digests] = dict(packed.keeps)
    scopes = tuple(ScopeRow(f"{at}{n}", "", "/do/1/f#1", "{}", None) for n in range(2))
    fork = ForkRow("/do/1/f#1", "", compete=False, begun=2, shared="null")
    await begun(ledger, states, state(0))
    _, opening = await moved(ledger, states, 1, state(0), scopes=scopes, forks=(fork,))
    assert opening.forks
    for each in scopes:
        step = Transition("r1", each.scope, 1, packed.text, NOW, None, 0, keeps=packed.keeps)
        assert await ledger.transit(step)
        assert set(await ledger.parts("r1", each.scope, digests)) == set(digests)
    row = replace(task("r1"), instance="/do/1/f#1", state=TaskState.RECORDED)
    drops = states.pack({}, packed.text).drops
    end = Transition("r1", scopes[0].scope, 2, "{}", NOW, None, 0, drops=drops)
    assert await ledger.transit(replace(end, join=Join(row, outright=False, output='"a"')))
    assert await ledger.parts("r1", scopes[0].scope, digests) == {}
    assert await ledger.parts("r1", scopes[1].scope, digests) != {}
    _, shut = await moved(ledger, states, 2, state(0), shuts=(("/do/1/f#1", at),))
    assert shut.shuts
    assert await ledger.parts("r1", scopes[1].scope, digests) == {}
    assert set(await ledger.parts("r1", "", digests)) == set(digests)


@pytest.mark.parametrize("large", [False, True])
async def test_states_of_before_are_read(ledger: Ledger, blobs: Blobs, large: bool) -> None:
    """A state that was packed whole, as JSON or as an object, loads, and has parts from then on."""
    whole = state(0, {"text": "x" * 100_000} if large else None)
    packed = await blobs.pack(whole, "r1")
    assert packed.startswith("@") is large
    states = States(ledger, blobs)
    assert await states.unpack("r1", "", packed) == whole
    again = states.pack(whole, packed)
    assert len(again.text) < SMALL
    assert again.drops == ()
