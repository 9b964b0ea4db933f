"""How ended runs leave a ledger, whatever stores it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from events.vocabulary import Hop, digest, hop_id
from functions.host.ledger.claims import Verdict
from functions.host.ledger.rows.history import Entry
from functions.host.ledger.rows.letter import Letter, LetterStatus
from functions.host.ledger.rows.outbox import Outgoing
from functions.host.ledger.rows.run import RunRow, RunStatus
from functions.host.ledger.rows.task import TaskRow, TaskState
from functions.host.ledger.rows.transition import Transition

if TYPE_CHECKING:
    from functions.host.ledger import Ledger

NOW = 1_000.0
RUN = RunRow(
    "r1", "sha256:a", "shop", "order", "1.0.0", 1, RunStatus.RUNNING, '{"large":1}', None, None,
    NOW, None, "0" * 32,
)  # fmt: skip
TASK = TaskRow(
    "r1", "/do/0/a#1", "", "/do/0/a", "echo", 1, "1.0.0", 1, 0, hop_id("r1", "/do/0/a#1", 1), "",
    '{"x":1}', digest({"x": 1}), TaskState.REQUESTED, NOW + 5, requested_at=NOW,
)  # fmt: skip
HOP = Hop("r1", TASK.instance, 1, TASK.event_id, "echo", 1, TASK.input_digest, None, {"x": 1})
LETTER = Letter("l1", LetterStatus.OPEN, "it broke", 500, NOW, "", {"id": "x"}, "r1")


def opening(run: RunRow = RUN) -> Transition:
    requests = (replace(TASK, run=run.id, event_id=hop_id(run.id, TASK.instance, 1)),)
    entries = (Entry("run.started", NOW),)
    return Transition(run.id, "", 0, "{}", NOW, None, 0, requests, entries=entries)


async def ended(ledger: Ledger, status: RunStatus = RunStatus.COMPLETED, **more: object) -> None:
    """Open the run and let its one task end it at NOW."""
    await ledger.open(RUN, opening())
    claim = await ledger.claim(HOP, now=NOW, lease=10, cold=False)
    assert claim.work
    end = Transition(
        "r1", "", 1, "{}", NOW, TASK.instance, claim.work.task.token, ended=status,
        output='{"large":2}', outcome="{}", entries=(Entry("run.completed", NOW),),
    )  # fmt: skip
    assert await ledger.transit(replace(end, **more))  # type: ignore[arg-type]


async def test_of_an_archived_run_the_row_is_left(ledger: Ledger) -> None:
    """Tasks and history go with its values; the row stays, so that a second start is the same."""
    await ended(ledger)
    assert await ledger.done_with(NOW, 10) == ["r1"]
    assert await ledger.archive("r1", NOW)
    row = await ledger.run("r1")
    assert row
    assert (row.archived, row.status, row.input, row.output) == (
        True,
        RunStatus.COMPLETED,
        "null",
        None,
    )
    assert await ledger.tasks("r1") == []
    assert await ledger.history("r1", 0) == []
    assert await ledger.scope("r1", "") == ("", 0)
    assert not (await ledger.open(RUN, opening()))[1]
    assert await ledger.done_with(NOW, 10) == []
    assert not await ledger.archive("r1", NOW)


async def test_a_late_copy_of_an_archived_runs_event_is_nothing(ledger: Ledger) -> None:
    """It was taken once; it is no forgery, and wakes nobody."""
    await ended(ledger)
    await ledger.archive("r1", NOW)
    claim = await ledger.claim(HOP, now=NOW, lease=10, cold=False)
    assert claim.verdict is Verdict.NOTHING


async def test_only_what_is_over_for_long_enough_goes(ledger: Ledger) -> None:
    """A running run stays, and so does one that ended a moment later than asked for."""
    await ledger.open(replace(RUN, id="r2"), opening(replace(RUN, id="r2")))
    await ended(ledger)
    assert await ledger.done_with(NOW - 1, 10) == []
    assert not await ledger.archive("r1", NOW - 1)
    assert not await ledger.archive("r2", NOW)


async def test_what_is_still_owed_keeps_a_run(ledger: Ledger) -> None:
    """An open dead letter and an event that the broker does not have yet hold the run back."""
    await ended(
        ledger,
        RunStatus.FAULTED,
        output=None,
        error={"title": "broke"},
        letter=LETTER,
        outbox=(Outgoing("o1", "{}"),),
    )
    assert await ledger.done_with(NOW, 10) == []
    await ledger.sent(["o1"])
    assert await ledger.done_with(NOW, 10) == []
    assert not await ledger.archive("r1", NOW)
    await ledger.mark_letter("l1", LetterStatus.OPEN, LetterStatus.DISCARDED)
    assert await ledger.done_with(NOW, 10) == ["r1"]
    assert await ledger.archive("r1", NOW)
    assert await ledger.letter("l1") is None


async def test_a_run_stays_as_long_as_one_that_it_started(ledger: Ledger) -> None:
    """What redrives a child goes on in its parent, so the child leaves first."""
    child = replace(RUN, id="c1", parent="r1", caller="/do/0/a#1", awaited=True, depth=1)
    await ledger.open(child, opening(child))
    await ended(ledger)
    assert await ledger.done_with(NOW, 10) == []
    await ledger.cancel("c1", NOW)
    assert await ledger.done_with(NOW, 10) == ["c1"]
    assert await ledger.archive("c1", NOW)
    assert await ledger.done_with(NOW, 10) == ["r1"]


async def test_a_run_stays_as_long_as_one_that_goes_on_for_it(ledger: Ledger) -> None:
    """One that redrives it may fault and be redriven itself: it still takes over from here."""
    await ended(ledger, RunStatus.FAULTED, output=None, error={}, letter=LETTER)
    heir = replace(RUN, id="h1", origin="r1")
    assert (await ledger.open(heir, opening(heir), redrives="l1"))[1]
    assert await ledger.done_with(NOW, 10) == []
    await ledger.cancel("h1", NOW)
    assert await ledger.done_with(NOW, 10) == ["h1"]
    assert await ledger.archive("h1", NOW)
    assert await ledger.done_with(NOW, 10) == ["r1"]


async def test_an_open_letter_keeps_all_that_a_redrive_needs(ledger: Ledger) -> None:
    """The runs above its own, which go on with it, and those that these took results over from."""
    await ended(ledger, RunStatus.FAULTED, output=None, error={}, letter=LETTER)
    heir = replace(RUN, id="h1", origin="r1")
    assert (await ledger.open(heir, opening(heir), redrives="l1"))[1]
    child = replace(RUN, id="c1", parent="h1", caller="/do/0/a#1", awaited=True, depth=1)
    await ledger.open(child, opening(child))
    await ledger.cancel("h1", NOW)
    await ledger.add_letter(replace(LETTER, id="l2", run="c1"))
    assert await ledger.done_with(NOW, 10) == []
    for run_id in ("c1", "h1", "r1"):
        assert not await ledger.archive(run_id, NOW)
    await ledger.mark_letter("l2", LetterStatus.OPEN, LetterStatus.DISCARDED)
    for run_id in ("c1", "h1", "r1"):
        assert await ledger.done_with(NOW, 10) == [run_id]
        assert await ledger.archive(run_id, NOW)


async def test_an_archived_run_is_forgotten_when_asked(ledger: Ledger) -> None:
    """Its row goes; a run that is not archived does not."""
    await ended(ledger)
    assert await ledger.archived(NOW, 10) == []
    await ledger.erase(["r1"])
    assert await ledger.run("r1")
    await ledger.archive("r1", NOW)
    assert await ledger.archived(NOW - 1, 10) == []
    assert await ledger.archived(NOW, 10) == ["r1"]
    await ledger.erase(["r1"])
    assert await ledger.run("r1") is None
