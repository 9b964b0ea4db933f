"""The port every ledger fills: what hosts and `flow` may ask, each call one transaction.

`functions.host.ledger.sqlite` is the embedded implementation. Errors: LedgerUnavailable
whenever the store cannot be read or written; nothing was changed then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

from events.flow.steps import MACHINE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from events.flow.listening import Shape
    from events.vocabulary import Hop
    from functions.host.ledger.claims import Claim
    from functions.host.ledger.gathering import Look, Waiting
    from functions.host.ledger.rows.budget import Budget, Charge, Reserved, Spend
    from functions.host.ledger.rows.flow import Door, FlowRow, Schedule
    from functions.host.ledger.rows.history import Bookmark, Entry, Line
    from functions.host.ledger.rows.letter import Letter, LetterStatus
    from functions.host.ledger.rows.listen import Arrival, Gathered, Kept
    from functions.host.ledger.rows.outbox import Outgoing
    from functions.host.ledger.rows.run import RunRow, RunStatus
    from functions.host.ledger.rows.task import TaskRow, Work
    from functions.host.ledger.rows.transition import Transition

Deployed = Literal["created", "same", "conflict"]


class LedgerUnavailable(Exception):  # noqa: N818 - the state, not a mistake of the caller
    """The ledger cannot be read or written now: a full disk, a lost connection."""


class Flows(Protocol):
    """Deployed flows and the doors that start them."""

    async def deploy(
        self,
        flow: FlowRow,
        doors: Sequence[Door],
        schedule: Schedule | None = None,
        shapes: Sequence[Shape] = (),
    ) -> Deployed:
        """Store a version; `conflict` when it exists with another digest."""

    async def scheduled(self, now: float) -> list[Schedule]:
        """Return the newest versions' schedules that are due, and those whose run has ended."""

    async def reschedule(self, seen: Schedule, due_at: float | None, run: str | None) -> bool:
        """Set a schedule's next time and run; False when it is not as it was seen."""

    async def flow(self, digest: str) -> FlowRow | None:
        """Return a flow by its digest."""

    async def flow_named(self, namespace: str, name: str, version: str | None) -> FlowRow | None:
        """Return one version, the highest when `version` is None."""

    async def flows(self) -> list[FlowRow]:
        """Return every deployed version, by namespace, name and version."""

    async def doors(self, event_type: str) -> list[Door]:
        """Return the newest versions' doors that may open to `event_type`."""

    async def shapes(self, event_type: str) -> list[Shape]:
        """Return the shapes, of every version, that events of `event_type` may fit."""


class Runs(Protocol):
    """Runs, their scopes and their history."""

    async def open(
        self, run: RunRow, first: Transition, *, redrives: str | None = None
    ) -> tuple[RunRow, bool]:
        """Store a new run with its first transition, True; an id that exists, as it is, False.

        With `redrives`, an open dead letter about the run's origin is redriven in the same
        transaction, and the origin's history says so; where it is not open nothing is stored, and
        the answer is False.
        """

    async def successors(self, run_id: str) -> list[str]:
        """Return the runs that redrive a run on newer versions of its flow, the oldest first."""

    async def adopt(
        self, work: Work, child: RunRow, first: Transition, outcome: str | None
    ) -> bool:
        """Open the child run that a STARTING row asks for; False when that no longer stands.

        The row then awaits the child's end, or is RECORDED with an `outcome` that is given.
        """

    async def children(self, run_id: str) -> list[RunRow]:
        """Return the runs that a run started, the oldest first."""

    async def run(self, run_id: str) -> RunRow | None:
        """Return a run."""

    async def runs(
        self, *, flow: tuple[str, str] | None, status: RunStatus | None, limit: int
    ) -> list[RunRow]:
        """Return runs, the newest first."""

    async def ended(self, run_ids: Sequence[str]) -> list[str]:
        """Return those of the runs that completed, faulted or were cancelled."""

    async def scope(self, run_id: str, scope: str) -> tuple[str, int]:
        """Return a scope's packed state and its revision."""

    async def parts(self, run_id: str, scope: str, digests: Sequence[str]) -> dict[str, str]:
        """Return those parts of a scope's state that it still has, by their digests."""

    async def outputs(self, run_id: str, fork: str) -> list[str]:
        """Return the packed outputs of a fork's branches, in their order."""

    async def shared(self, run_id: str, fork: str) -> str:
        """Return what the branches of a fork share, packed; it never changes."""

    async def transit(self, transition: Transition) -> bool:
        """Apply a transition if revision, token and run still stand; False changes nothing."""

    async def suspend(self, run_id: str, at: float) -> RunRow | None:
        """Let a running run, and those it awaits, go no further; return it as it then is.

        None when there is none.
        """

    async def resume(self, run_id: str, at: float) -> RunRow | None:
        """Let a suspended run, and those it awaits, go on.

        What they have out is due at once, their timers that much later.
        """

    async def cancel(self, run_id: str, at: float) -> RunRow | None:
        """End a run, and those it awaits, and close their tasks; who awaits it is told.

        A run that ended stays as it is.
        """

    async def done_with(self, before: float, limit: int) -> list[str]:
        """Return runs that ended by `before` and that nothing can happen to any more.

        They have no open dead letter and nothing to send, and every run that they started, or that
        takes results over from them, is archived.
        """

    async def archive(self, run_id: str, before: float) -> bool:
        """Keep of a run that is done with no more than its row; False: it is not, or was."""

    async def archived(self, before: float, limit: int) -> list[str]:
        """Return archived runs that ended by `before`, those that ended first."""

    async def erase(self, run_ids: Sequence[str]) -> None:
        """Delete the rows of archived runs."""

    async def history(self, run_id: str, after: int) -> list[tuple[int, Entry]]:
        """Return the numbered history after entry `after`."""


class Tasks(Protocol):
    """Task rows: claims, outcomes and what the sweeper does about silence."""

    async def claim(self, hop: Hop, *, now: float, lease: float, cold: bool) -> Claim:
        """Decide on a hop event and, when the verdict is CLAIM, take the lease."""

    async def heartbeat(self, task: TaskRow, due_at: float) -> bool:
        """Extend a claim; False when it is no longer ours."""

    async def record(
        self, task: TaskRow, outcome: str, due_at: float, charge: Charge | None = None
    ) -> bool:
        """Write a handler's final outcome; False when the claim is no longer ours."""

    async def park(
        self, task: TaskRow, due_at: float, entry: Entry, charge: Charge | None = None
    ) -> bool:
        """Note a retryable error: the next attempt is due at `due_at`."""

    async def reserve(self, work: Work, asked: Spend, now: float) -> Reserved:
        """Set aside what a claimed task may use of its run's budget, and of those above.

        It is set aside while the claim stands: whatever ends the claim gives it back, and what
        writes the outcome charges what was used.
        """

    async def budget(self, run_id: str) -> Budget | None:
        """Return the budget that began with a run."""

    async def requests_after(self, run_id: str, cause: str) -> list[Work]:
        """Return the still unclaimed tasks that one hop's outcome opened."""

    async def recorded_after(self, run_id: str, cause: str) -> list[Work]:
        """Return what a branch's end recorded that is not settled: its fork, another's turn."""

    async def task(self, run_id: str, instance: str) -> Work | None:
        """Return one task with its run."""

    async def tasks(self, run_id: str, *, closed: bool = True) -> list[TaskRow]:
        """Return a run's tasks and timers, the oldest first; without `closed` only what is out."""

    async def overdue(self, now: float, limit: int, machine: int = MACHINE) -> list[Work]:
        """Return open tasks of running runs whose deadline passed.

        What only an `advance` moves on is given to hosts of its run's machine version alone.
        """

    async def progress(self, tool: str, major: int) -> float:
        """Return when a tool last claimed a task, 0 when it never did."""

    async def wake(self, work: Work, *, now: float, grace: float) -> Work | None:
        """Bring an overdue task back to REQUESTED for another emission; None if it moved on."""

    async def give_up(self, work: Work, outcome: str, now: float) -> TaskRow | None:
        """Record a fault on an unclaimed or abandoned task; None if it moved on."""

    async def redrive(
        self, letter: Letter, at: float, edited: tuple[str, str] | None
    ) -> Work | None:
        """Reopen the letter's task with a new attempt; None when it cannot be reopened.

        The runs above that its fault ended wait for its run again.
        """


class Listens(Protocol):
    """Events, and the runs that listen.

    An event is first received and then delivered to those who listen; a listen is first written
    and then looks for what was received. So one of the two sees the other, and no lock is needed.
    """

    async def receive(self, arrival: Arrival) -> tuple[float, list[Gathered]]:
        """Keep an event in the inbox; return when it was received first, and the sets it fills.

        Each event is in one set of a flow at most: the earliest of those that correlate.
        """

    async def gathering(self, digest: str, correlation: str) -> list[Waiting]:
        """Return the events that are gathered, in the order in which they were received."""

    async def unlooked(self, before: float) -> list[tuple[str, str]]:
        """Return gatherings with events that came before a time and were not looked at."""

    async def gather(self, look: Look) -> bool:
        """Write what came of looking at a gathering; False where it is not what was looked at.

        What is left when events were taken out has not been looked at, and neither has anything
        of a flow's version that is not the newest.
        """

    async def gathered(self, before: float) -> list[Gathered]:
        """Return sets that were whole before a time, and whose run was not started."""

    async def started(self, gathered: Gathered) -> None:
        """Note that the run of a set is started."""

    async def deliver(
        self, arrival: Arrival, key: tuple[str, str], after: tuple[str, str], limit: int
    ) -> list[TaskRow]:
        """Tell those who listen to a key of a received event, by rows that are RECORDED.

        A run that began after the event came is told only where it expects a correlation.
        Returns `limit` rows at most, by run and instance of the listens after `after`; those that
        were told before stay as they are. After an empty answer there is nobody left to tell.
        """

    async def look(self, listen: TaskRow, limit: int) -> list[TaskRow]:
        """Tell a listen of what was received, the earliest first; return the rows, RECORDED.

        That is what came since its run began (or the one that it goes on for), or at any time where
        it expects a correlation, and what its listener has not consumed. With fewer than `limit`
        rows it is due no more.
        """

    async def stale(self, before: float, limit: int) -> list[Kept]:
        """Return events that were received before a time, the earliest first."""

    async def forget(self, events: Sequence[str]) -> None:
        """Take events out of the inbox."""


class Approvals(Protocol):
    """What people are asked: rows that are ASKING, and have what they are shown for input."""

    async def asking(self, after: tuple[float, str, str], limit: int) -> list[Work]:
        """Return what is asked in runs that have not ended, the longest asked first.

        `after` are the time, the run and the instance that the page before ended with.
        """

    async def asking_below(self, run_ids: Sequence[str]) -> list[tuple[str, Work]]:
        """Return what is asked by runs or by those that they await, at any depth.

        The first of each pair is the one of `run_ids` that waits for it.
        """

    async def answer(self, asked: TaskRow, hearing: TaskRow, entry: Entry) -> bool:
        """Close a row that is ASKING, and open the one that tells the listen the answer.

        Its own timers are closed too: an answer that is accepted does not time out. False where
        the row has its answer or nobody is asked any more: nothing is written then. A suspended
        run keeps the answer.
        """


class Letters(Protocol):
    """Dead letters, unmatched events and the outbox."""

    async def add_letter(self, letter: Letter) -> None:
        """Store a letter; one with the same id stays as it is."""

    async def letter(self, letter_id: str) -> Letter | None:
        """Return a letter."""

    async def letters(
        self,
        *,
        status: LetterStatus | None = None,
        flow: str | None = None,
        tool: str | None = None,
        reason: str | None = None,
        limit: int = 100,
    ) -> list[Letter]:
        """Return letters, the newest first; `reason` matches a part of it."""

    async def mark_letter(
        self, letter_id: str, expected: LetterStatus, status: LetterStatus
    ) -> bool:
        """Move a letter from one status to another; False when it was in neither place."""

    async def add_unmatched(self, event_id: str, event: str, at: float, keep: int) -> None:
        """Keep an event no door matched, and prune all but the newest `keep`."""

    async def unmatched(self, limit: int) -> list[str]:
        """Return unmatched events, the newest first, as structured-mode JSON."""

    async def outbox(self, run_id: str | None, before: float, limit: int) -> list[Outgoing]:
        """Return events that wait for the broker, of one run or of all."""

    async def sent(self, ids: Sequence[str]) -> None:
        """Take events out of the outbox: the broker has them."""


class Chronicle(Protocol):
    """The histories of all runs as one, in an order in which nothing is added before its end."""

    async def bookmark(self, reader: str) -> Bookmark:
        """Return a reader's bookmark; its first one lies at the present end."""

    async def lines(self, after: str, kinds: Sequence[str], limit: int) -> tuple[list[Line], str]:
        """Return the first lines of these kinds after a place, and the place up to which it is all.

        A run's lines are in their order. Lines of runs that are gone are left out.
        """

    async def mark(self, reader: str, seen: Bookmark, to: Bookmark | None) -> bool:
        """Move a bookmark, or take it out; False when it is not as it was seen.

        No promise: after a power cut it may lie where it lay before.
        """


class Ledger(Flows, Runs, Tasks, Listens, Approvals, Letters, Chronicle, Protocol):
    """The whole ledger."""

    async def ready(self) -> None:
        """Check that the store answers."""

    async def close(self) -> None:
        """Finish what is queued and let go of the store."""
