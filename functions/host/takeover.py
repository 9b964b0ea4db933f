"""What a run takes over from the one that it redrives on a newer version of its flow.

A task whose name, place among the names around it, visit, function, version and input are those of
a task that the former run has a result of is not asked for again: its row begins RECORDED, with
that result. A wait that the former run has waited for, as long, is over at once; an approval that
shows the same and was answered there is answered. Where tasks stand in their lists does not matter,
so that tasks can be added and moved.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from events.flow.approval import answer_event, answer_key
from events.vocabulary import identify
from functions.host.ledger.hearing import hearing
from functions.host.ledger.rows.history import Entry
from functions.host.ledger.rows.listen import Subscription
from functions.host.ledger.rows.task import TaskState
from functions.host.outcomes import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from functions.host.blobs import Blobs
    from functions.host.ledger.port.tasks import Tasks
    from functions.host.ledger.rows.run import RunRow
    from functions.host.ledger.rows.task import TaskRow
    from functions.host.ledger.rows.transition import Transition

_INDEX: Final = re.compile(r"/\d+(/[^/#@|]+)")
_BRANCH: Final = re.compile(r"(#\d+)/\d+$")
_TIMED: Final = "~"
"""In the instance of a timeout's timer, or of a try's."""
_SAME: Final = 0.001
"""Seconds by which the lengths of two waits may differ."""


def same_place(instance: str) -> str:
    """Return an instance without the indices of its tasks in their lists.

    The index of a fork's branch is one of those; that of an iteration says which item it is for.
    """
    task, at, scope = instance.partition("@")
    scopes = scope.split("|")
    kept = [_outer(each, inner) for each, inner in zip(scopes, [*scopes[1:], task], strict=True)]
    return _INDEX.sub(r"\1", task + at + "|".join(kept))


def _outer(scope: str, inner: str) -> str:
    fork = scope.partition("#")[0]
    return _BRANCH.sub(r"\1", scope) if inner.startswith(f"{fork}/fork/branches/") else scope


class Takeover:
    """Takes over, transition by transition; a run that redrives none costs nothing."""

    def __init__(self, ledger: Tasks, blobs: Blobs) -> None:
        self._ledger, self._blobs = ledger, blobs

    async def of(self, run: RunRow, written: Transition) -> Transition:
        """Return a transition with what the former run has results of taken from there."""
        if run.origin is None:
            return written
        rows = await self._ledger.tasks(run.origin)
        former = {same_place(row.instance): row for row in rows}
        taken: dict[str, TaskRow] = {}
        for row in (*written.requests, *written.children):
            found = await self._with_result(row, former.get(same_place(row.instance)))
            if found is not None:
                taken[row.instance] = replace(found, due_at=written.at)
        answers = await self._answers(run, written, former, {row.instance: row for row in rows})
        timers = [
            _over(row, former.get(same_place(row.instance)), written.at)
            for row in written.timers
            if row.instance.partition(_TIMED)[0] not in answers
        ]
        asked = [row for row in written.timers if row.instance in answers]
        entries = [_begun(entry) if entry.instance in taken else entry for entry in written.entries]
        entries += [
            Entry("task.taken", written.at, row.reference, row.instance, {"from": run.origin})
            for row in (*taken.values(), *asked)
        ]
        untold = {identify("out", run.id, f"{instance}~told") for instance in answers}
        return replace(
            written,
            requests=tuple(row for row in written.requests if row.instance not in taken),
            children=tuple(row for row in written.children if row.instance not in taken),
            timers=(  # rows that need nobody but whoever goes on
                *timers,
                *(replace(row, state=TaskState.CLOSED) for row in asked),
                *taken.values(),
                *answers.values(),
            ),
            outbox=tuple(event for event in written.outbox if event.id not in untold),
            entries=tuple(entries),
        )

    async def _answers(
        self,
        run: RunRow,
        written: Transition,
        former: Mapping[str, TaskRow],
        rows: Mapping[str, TaskRow],
    ) -> dict[str, TaskRow]:
        """Return, by approvals that begin, what tells them the answers that the former run got."""
        found: dict[str, TaskRow] = {}
        for row in written.timers:
            old = former.get(same_place(row.instance))
            if row.state is not TaskState.ASKING or old is None or old.tool:
                continue
            told = rows.get(f"{old.instance}~{answer_key(old.run, old.instance)}")
            form = await self._blobs.unpack(row.input)
            if told is None or told.outcome is None or form != await self._blobs.unpack(old.input):
                continue
            event = Outcome.from_json(await self._blobs.unpack(told.outcome)).event
            assert event  # no other outcome has such a key
            given = event["data"]
            at = datetime.fromisoformat(given["at"])
            again = answer_event(form, run.id, row.instance, given["answer"], given["by"], at)
            packed = await self._blobs.pack(Outcome(event=again).to_json(), run.id)
            to = Subscription("", "", run.id, row.instance, row.scope, row.reference, "")
            found[row.instance] = hearing(to, answer_key(run.id, row.instance), packed, written.at)
        return found

    async def _with_result(self, row: TaskRow, former: TaskRow | None) -> TaskRow | None:
        """Return a row with the result of the former one, None where it is not the same task."""
        if former is None or former.outcome is None or not _alike(row, former):
            return None
        outcome = await self._blobs.unpack(former.outcome)
        if outcome["problem"] is not None:
            return None
        packed = await self._blobs.pack(outcome, row.run)
        return replace(row, state=TaskState.RECORDED, outcome=packed)


def _alike(row: TaskRow, former: TaskRow) -> bool:
    return (row.tool, row.version, row.input_digest) == (
        former.tool,
        former.version,
        former.input_digest,
    )


def _begun(entry: Entry) -> Entry:
    """Return the line about a task that nobody has to take up any more."""
    return replace(entry, detail={k: v for k, v in entry.detail.items() if k != "pending"})


def _over(timer: TaskRow, former: TaskRow | None, now: float) -> TaskRow:
    """Return a timer, due where the former run's wait of the same length has ended by itself."""
    if former is None or _TIMED in timer.instance or former.tool:
        return timer
    ended = former.state is TaskState.CLOSED and former.token == timer.token
    longer = (timer.due_at - timer.requested_at) - (former.due_at - former.requested_at)
    return replace(timer, due_at=now) if ended and abs(longer) < _SAME else timer
