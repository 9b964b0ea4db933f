"""Redrives on newer versions of a flow, in SQLite; one transaction's work each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.host.ledger.rows.history import Entry
from functions.host.ledger.rows.letter import LetterStatus
from functions.host.ledger.sqlite import history, kin, letters, runs

if TYPE_CHECKING:
    import sqlite3

    from functions.host.ledger.rows.run import RunRow
    from functions.host.ledger.rows.transition import Transition


def redrive(
    db: sqlite3.Connection, run: RunRow, first: Transition, letter: str
) -> tuple[RunRow, bool]:
    """Open a run for an open letter; nothing where the run exists or the letter is not open.

    What the former run awaits is for nobody any more: the new one starts its own. Who awaits the
    former one awaits the new one; nothing is written where those runs have moved on.
    """
    known, old = runs.by_id(db, run.id), runs.by_id(db, run.origin or "")
    if known is not None:
        return known, False
    above = kin.faulted_above(db, old) if old else None
    if old is None or above is None:
        return run, False
    if not letters.mark(db, letter, LetterStatus.OPEN, LetterStatus.REDRIVEN):
        return run, False
    kin.cancel(db, kin.below(db, kin.BELOW_RUN, old.id), run.started_at)
    detail = {"run": run.id, "version": run.version}
    history.append(db, old.id, [Entry("run.redriven", run.started_at, detail=detail)])
    kin.replace_child(db, above, run)
    return runs.open_run(db, run, first)


def successors(db: sqlite3.Connection, run_id: str) -> list[str]:
    """Return the runs that redrive a run."""
    rows = db.execute("SELECT id FROM runs WHERE origin = ? ORDER BY started_at, id", (run_id,))
    return [row[0] for row in rows.fetchall()]
