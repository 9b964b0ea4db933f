"""Redrives on newer versions of a flow, in PostgreSQL; one transaction's work each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.host.ledger.postgres import history, kin, letters, runs
from functions.host.ledger.rows.history import Entry
from functions.host.ledger.rows.letter import LetterStatus

if TYPE_CHECKING:
    from functions.host.ledger.postgres.connections import Database
    from functions.host.ledger.rows.run import RunRow
    from functions.host.ledger.rows.transition import Transition


async def redrive(db: Database, run: RunRow, first: Transition, letter: str) -> tuple[RunRow, bool]:
    """Open a run for an open letter; nothing where the run exists or the letter is not open.

    What the former run awaits is for nobody any more: the new one starts its own. Who awaits the
    former one awaits the new one; nothing is written where those runs have moved on.
    """
    former = run.origin or ""
    above = await kin.faulted_above(db, former)
    known = await runs.by_id(db, run.id)
    if known is not None:
        return known, False
    if above is None:
        return run, False
    if not await letters.mark(db, letter, LetterStatus.OPEN, LetterStatus.REDRIVEN):
        return run, False
    await kin.cancel(db, await kin.below(db, kin.OF_RUN, former), run.started_at)
    detail = {"run": run.id, "version": run.version}
    await history.append(db, former, [Entry("run.redriven", run.started_at, detail=detail)])
    await kin.replace_child(db, above, run)
    return await runs.open_run(db, run, first)


async def successors(db: Database, run_id: str) -> list[str]:
    """Return the runs that redrive a run."""
    found = await db.execute(
        "SELECT id FROM runs WHERE origin = %s ORDER BY started_at, id", (run_id,)
    )
    return [row[0] for row in await found.fetchall()]
