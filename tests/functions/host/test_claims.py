"""Claims decided from a row alone."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from events.vocabulary import Hop, digest, hop_id
from functions.host.ledger.claims import Verdict, decide
from functions.host.ledger.rows.run import RunRow, RunStatus
from functions.host.ledger.rows.task import TaskRow, TaskState, Work

RUN = RunRow(
    "r", "sha256:a", "n", "f", "1.0.0", 1, RunStatus.RUNNING, "{}", None, None, 0.0, None, "0" * 32
)
TASK = TaskRow(
    "r", "/do/0/a#1", "", "/do/0/a", "echo", 1, "1.0.0", 2, 0, hop_id("r", "/do/0/a#1", 2), "",
    "{}", digest({}), TaskState.REQUESTED, 100.0,
)  # fmt: skip
HOP = Hop("r", "/do/0/a#1", 2, TASK.event_id, "echo", 1, TASK.input_digest, None, {})


@given(
    st.sampled_from(TaskState),
    st.sampled_from(RunStatus),
    st.integers(1, 4),
    st.floats(0, 200),
)
def test_work_is_only_done_on_a_live_open_row(
    state: TaskState, status: RunStatus, attempt: int, now: float
) -> None:
    """CLAIM needs a running run, the row's own attempt, and no live claim."""
    work = Work(replace(TASK, state=state), replace(RUN, status=status))
    hop = replace(HOP, attempt=attempt, event_id=hop_id("r", "/do/0/a#1", attempt))
    verdict, _ = decide(work, hop, now)
    free = state is TaskState.REQUESTED or (state is TaskState.CLAIMED and now >= 100)
    allowed = free and status is RunStatus.RUNNING and attempt == 2
    assert (verdict is Verdict.CLAIM) == allowed


def test_an_event_without_a_row_is_forged() -> None:
    """Events carry no authority: without its row a hop is refused."""
    assert decide(None, HOP, 0)[0] is Verdict.FORGED


def test_an_attempt_from_the_future_is_forged() -> None:
    """An attempt the ledger never asked for is refused."""
    assert decide(Work(TASK, RUN), replace(HOP, attempt=3), 0)[0] is Verdict.FORGED
