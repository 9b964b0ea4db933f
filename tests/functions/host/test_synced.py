"""What the ledger promised outlives a power cut: it is synced to disk before anybody is told."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from events.vocabulary import Hop, digest, hop_id
from functions.host.ledger.rows.history import Entry
from functions.host.ledger.rows.run import RunRow, RunStatus
from functions.host.ledger.rows.task import TaskRow, TaskState
from functions.host.ledger.rows.transition import Transition
from functions.host.ledger.sqlite import SqliteLedger
from functions.host.ledger.sqlite.writer import Writer, connect

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator
    from pathlib import Path

FULL, NORMAL = 2, 1
"""`PRAGMA synchronous`: FULL syncs the log at every commit, NORMAL leaves that to a checkpoint."""


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    """A writer on a new file."""
    with closing(Writer(str(tmp_path / "ledger.db"))) as made:
        yield made


def synchronous(connection: sqlite3.Connection) -> int:
    """Return how the transaction that runs will be committed."""
    return int(connection.execute("PRAGMA synchronous").fetchone()[0])


def test_a_connection_syncs_every_commit(tmp_path: Path) -> None:
    """The pragmas that make a commit durable are the ones in force."""
    with closing(connect(str(tmp_path / "ledger.db"))) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert synchronous(connection) == FULL


async def test_a_promise_is_synced(writer: Writer) -> None:
    """A write is a promise unless it says that it is none."""
    assert await writer.submit(synchronous) == FULL
    assert await writer.submit(synchronous, promise=True) == FULL
    assert await writer.submit(synchronous, promise=False) == NORMAL


def test_a_promise_among_others_is_synced_with_them(writer: Writer) -> None:
    """One promise in a group that commits together makes the whole group durable."""
    group = [(synchronous, None, None, promise) for promise in (False, True, False)]
    assert writer._commit(group) == [(True, FULL)] * 3
    assert writer._commit(group[:1]) == [(True, NORMAL)]


async def test_only_claims_and_beats_are_no_promises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs, outcomes, timers and transitions are synced; what only reserves work is not."""
    promised: list[bool] = []
    submit = Writer.submit

    async def noting(
        self: Writer, work: Callable[[sqlite3.Connection], Any], *, promise: bool = True
    ) -> Any:
        promised.append(promise)
        return await submit(self, work, promise=promise)

    monkeypatch.setattr(Writer, "submit", noting)
    ledger = SqliteLedger(str(tmp_path / "ledger.db"))
    task = TaskRow(
        "r1", "/do/0/a#1", "", "/do/0/a", "echo", 1, "1.0.0", 1, 0, hop_id("r1", "/do/0/a#1", 1),
        "", "{}", digest({}), TaskState.REQUESTED, 5.0, requested_at=0.0,
    )  # fmt: skip
    run = RunRow(
        "r1", "sha256:a", "shop", "order", "1.0.0", 1, RunStatus.RUNNING, "{}", None, None,
        0.0, None, "0" * 32,
    )  # fmt: skip
    await ledger.open(run, Transition("r1", "", 0, "{}", 0.0, None, 0, (task,)))
    hop = Hop("r1", task.instance, 1, task.event_id, "echo", 1, task.input_digest, None, {})
    claim = await ledger.claim(hop, now=0.0, lease=10, cold=False)
    assert claim.work
    taken = claim.work.task
    assert await ledger.heartbeat(taken, 20.0)
    assert await ledger.park(taken, 30.0, Entry("task.retrying", 0.0))
    assert not await ledger.record(taken, "{}", 20.0)
    assert not await ledger.transit(Transition("r1", "", 1, "{}", 0.0, task.instance, 7, ()))
    assert await ledger.cancel("r1", 1.0)
    await ledger.close()
    assert promised == [True, False, False, True, True, True, True]
