"""Redrives on newer versions: the new run, the letter and both links, in one transaction."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from functions.host.ledger.rows.letter import Letter, LetterStatus
from functions.host.ledger.rows.run import RunStatus
from tests.contract.test_ledger import NOW, after, first, flow, recorded, row, run

if TYPE_CHECKING:
    from functions.host.ledger import Ledger


async def faulted(ledger: Ledger) -> Letter:
    """Store a run that faulted, and return its dead letter."""
    await ledger.deploy(flow(), [])
    await ledger.open(run(), first(row()))
    task = await recorded(ledger, row())
    letter = Letter("l1", LetterStatus.OPEN, "no", 500, NOW, "", {"id": "e"}, "r1", task.instance)
    end = after(task, rev=1, ended=RunStatus.FAULTED, error={"status": 500}, letter=letter)
    assert await ledger.transit(end)
    return letter


async def test_a_letter_starts_one_run(ledger: Ledger) -> None:
    """Of many redrives at once one opens the run; the letter is redriven, both runs know."""
    letter = await faulted(ledger)
    new = replace(run("r2"), version="2.0.0", origin="r1")
    step = first(row("r2"), run_id="r2")
    opened = await asyncio.gather(*(ledger.open(new, step, redrives=letter.id) for _ in range(4)))
    assert sorted(created for _, created in opened) == [False, False, False, True]
    stored = await ledger.run("r2")
    assert stored
    assert stored.origin == "r1"
    assert await ledger.successors("r1") == ["r2"]
    assert await ledger.successors("r2") == []
    kept = await ledger.letter(letter.id)
    assert kept
    assert kept.status is LetterStatus.REDRIVEN
    _, last = (await ledger.history("r1", 0))[-1]
    assert (last.kind, last.detail) == ("run.redriven", {"run": "r2", "version": "2.0.0"})
    assert len(await ledger.tasks("r2")) == 1


async def test_a_letter_that_is_not_open_starts_nothing(ledger: Ledger) -> None:
    """Where the run went on by itself in the meantime, no other run begins."""
    letter = await faulted(ledger)
    assert await ledger.redrive(letter, NOW, None)
    new = replace(run("r2"), version="2.0.0", origin="r1")
    answer = await ledger.open(new, first(row("r2"), run_id="r2"), redrives=letter.id)
    assert answer == (new, False)
    assert await ledger.run("r2") is None
    assert await ledger.successors("r1") == []
